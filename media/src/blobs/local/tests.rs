//! The local store: written blobs can be read, and unfinished writes leave no files.

use super::Blobs;
use crate::blobs::{BlobError, Stored, hex};
use crate::limits::READ_CHUNK_BYTES;
use crate::ranges::ByteRange;
use bytes::Bytes;
use futures_util::StreamExt;
use std::fs;
use tempfile::TempDir;

fn store() -> (TempDir, Blobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path().join("media")).unwrap();
    (dir, blobs)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 256) as u8).collect()
}

async fn put(blobs: &Blobs, bytes: &[u8], chunk: usize) -> Stored {
    let mut writer = blobs.writer(u64::MAX).await.unwrap();
    for chunk in bytes.chunks(chunk) {
        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    writer.finish().await.unwrap()
}

fn temporary_files(dir: &TempDir) -> usize {
    fs::read_dir(dir.path().join("media/tmp")).unwrap().count()
}

#[tokio::test]
async fn written_blobs_are_read() {
    let (dir, blobs) = store();
    for (length, chunk) in [(0, 1), (1, 1), (5000, 1), (700_000, 1000), (3_000_000, 1_000_000)] {
        let bytes = pattern(length);
        let stored = put(&blobs, &bytes, chunk).await;
        assert_eq!((stored.bytes, stored.existed), (length as u64, false));
        assert_eq!(stored.head, bytes[..length.min(512)]);
        assert!(blobs.exists(&stored.hash).await.unwrap());
        let read = blobs.open_expected(&stored.hash, length as u64).await.unwrap().read(None).collect(u64::MAX).await;
        assert_eq!(read.unwrap(), bytes);
        assert_eq!(blobs.verify(&stored.hash).await.unwrap(), length as u64);
    }
    assert_eq!(temporary_files(&dir), 0);
    assert_eq!(blobs.usage().await.unwrap(), super::BlobUsage { files: 5, bytes: 3_705_001 });
    assert!(blobs.free_bytes().await.unwrap() > 0);
}

#[tokio::test]
async fn the_path_is_the_sha256() {
    let (dir, blobs) = store();
    let stored = put(&blobs, b"abc", 1).await;
    let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex(&stored.hash), name);
    assert_eq!(fs::read(dir.path().join("media/ba/78").join(name)).unwrap(), b"abc");
    assert_eq!(blobs.list(0xba).await.unwrap(), [(stored.hash, 3)]);
    assert_eq!(blobs.list(0xbb).await.unwrap(), []);
}

#[tokio::test]
async fn identical_bytes_are_stored_once() {
    let (dir, blobs) = store();
    let first = put(&blobs, b"twice", 5).await;
    let second = put(&blobs, b"twice", 1).await;
    assert_eq!((first.hash, second.existed), (second.hash, true));
    assert_eq!((temporary_files(&dir), blobs.usage().await.unwrap().files), (0, 1));
}

#[tokio::test]
async fn an_upload_beyond_the_limit_leaves_no_file() {
    let (dir, blobs) = store();
    let mut writer = blobs.writer(10).await.unwrap();
    writer.write(Bytes::from_static(b"0123456789")).await.unwrap();
    let refused = writer.write(Bytes::from_static(b"x")).await;
    assert!(matches!(refused, Err(BlobError::TooLarge { limit_bytes: 10 })));
    assert_eq!(temporary_files(&dir), 0);
    assert!(matches!(writer.finish().await, Err(BlobError::Interrupted)));
    assert_eq!(blobs.usage().await.unwrap().files, 0);
}

#[tokio::test]
async fn interrupted_writes_leave_no_file() {
    let (dir, blobs) = store();
    let mut writer = blobs.writer(10_000_000).await.unwrap();
    writer.write(Bytes::from(pattern(1_000_000))).await.unwrap();
    assert_eq!(temporary_files(&dir), 1);
    drop(writer);
    assert_eq!(temporary_files(&dir), 0);
    fs::write(dir.path().join("media/tmp/77"), b"from a crash").unwrap();
    drop(blobs);
    Blobs::open(dir.path().join("media")).unwrap();
    assert_eq!(temporary_files(&dir), 0);
}

#[tokio::test]
async fn ranges_and_chunks() {
    let (_dir, blobs) = store();
    let bytes = pattern(2 * READ_CHUNK_BYTES + 100);
    let stored = put(&blobs, &bytes, 100_000).await;
    let open = async || blobs.open_blob(&stored.hash).await.unwrap().unwrap();
    let sizes: Vec<usize> = open().await.read(None).into_stream().map(|chunk| chunk.unwrap().len()).collect().await;
    assert_eq!(sizes, [READ_CHUNK_BYTES, READ_CHUNK_BYTES, 100]);
    for (start, last) in
        [(0, 0), (5, 10), (READ_CHUNK_BYTES - 1, READ_CHUNK_BYTES), (3, bytes.len() - 1), (7, 10 * bytes.len())]
    {
        let stream = open().await.read(ByteRange::new(start as u64, last as u64));
        let expected = &bytes[start..=last.min(bytes.len() - 1)];
        assert_eq!(stream.left_bytes(), expected.len() as u64);
        assert_eq!(stream.collect(u64::MAX).await.unwrap(), expected);
    }
    let past = open().await.read(ByteRange::new(u64::MAX - 2, u64::MAX - 1));
    assert_eq!(past.collect(0).await.unwrap(), Bytes::new());
    assert!(matches!(open().await.read(None).collect(10).await, Err(BlobError::TooLarge { .. })));
}

#[tokio::test]
async fn errors_name_missing_and_truncated_files() {
    let (_dir, blobs) = store();
    let bytes = pattern(READ_CHUNK_BYTES + 5);
    let stored = put(&blobs, &bytes, 1 << 20).await;
    let path = blobs.path(&stored.hash);
    let mut open = blobs.open_blob(&stored.hash).await.unwrap().unwrap().read(None);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(READ_CHUNK_BYTES as u64 + 1).unwrap();
    assert!(open.next().await.unwrap().is_ok());
    let error = open.next().await.unwrap().unwrap_err();
    assert!(matches!(error, BlobError::Damaged { .. }) && error.to_string().contains(&hex(&stored.hash)), "{error}");
    assert!(open.next().await.is_none());
    assert!(matches!(blobs.open_expected(&stored.hash, stored.bytes).await, Err(BlobError::Damaged { .. })));
    assert!(matches!(blobs.verify(&stored.hash).await, Err(BlobError::Damaged { .. })));

    // Uploading the same bytes again repairs the blob.
    assert!(!put(&blobs, &bytes, 1 << 20).await.existed);
    assert_eq!(blobs.verify(&stored.hash).await.unwrap(), stored.bytes);

    assert!(blobs.delete(&stored.hash).await.unwrap());
    assert!(!blobs.delete(&stored.hash).await.unwrap());
    assert!(blobs.open_blob(&stored.hash).await.unwrap().is_none());
    let error = blobs.open_expected(&stored.hash, 1).await.unwrap_err();
    assert!(matches!(error, BlobError::Missing { .. }) && error.to_string().contains(&hex(&stored.hash)), "{error}");
}

#[tokio::test]
async fn concurrent_writers_of_the_same_bytes() {
    let (dir, blobs) = store();
    let bytes = pattern(300_000);
    let writers = (0..8).map(|_| put(&blobs, &bytes, 50_000));
    let stored = futures_util::future::join_all(writers).await;
    assert!(stored.iter().all(|other| other.hash == stored[0].hash));
    assert_eq!((temporary_files(&dir), blobs.usage().await.unwrap().files), (0, 1));
}
