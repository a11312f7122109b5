//! Reads a blob in chunks.

use super::blocking;
use crate::blobs::BlobError;
use crate::limits::READ_CHUNK_BYTES;
use crate::ranges::ByteRange;
use bytes::Bytes;
use futures_util::Stream;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// An open blob. It stays readable even if it is deleted concurrently.
#[derive(Debug)]
pub struct Blob {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Blob {
    pub(super) fn open(path: PathBuf) -> Result<Option<Self>, BlobError> {
        let failed = |error| BlobError::io("open", &path, error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let bytes = file.metadata().map_err(failed)?.len();
        Ok(Some(Self { file, path, bytes }))
    }

    /// Length of the file in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file, positioned at its start, for [`crate::Source::File`].
    pub fn into_file(self) -> File {
        self.file
    }

    /// Reads the whole blob or a range, clamped to its length.
    pub fn read(self, range: Option<ByteRange>) -> BlobStream {
        let (start, end) = match range {
            Some(range) => (range.start().min(self.bytes), range.last().saturating_add(1).min(self.bytes)),
            None => (0, self.bytes),
        };
        BlobStream { left_bytes: end - start, seek_to: (start > 0).then_some(start), blob: Some(self) }
    }
}

/// The chunks of a [`Blob`].
#[derive(Debug)]
pub struct BlobStream {
    left_bytes: u64,
    seek_to: Option<u64>,
    /// `None` while a read is in progress on a blocking thread, and after an error.
    blob: Option<Blob>,
}

impl BlobStream {
    /// Bytes not returned yet. Before the first chunk, the length of the response.
    pub fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// The next chunk of [`READ_CHUNK_BYTES`]; the last one may be shorter. `None` at the end.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] if the file has become shorter, [`BlobError::Io`]. The stream ends after an
    /// error.
    pub async fn next(&mut self) -> Option<Result<Bytes, BlobError>> {
        if self.left_bytes == 0 {
            return None;
        }
        let mut blob = self.blob.take()?;
        let wanted = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(READ_CHUNK_BYTES);
        let seek_to = self.seek_to.take();
        match blocking(move || blob.chunk(seek_to, wanted).map(|chunk| (chunk, blob))).await {
            Ok((chunk, blob)) => {
                self.left_bytes -= chunk.len() as u64;
                self.blob = Some(blob);
                Some(Ok(chunk))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Converts to a `Stream`, for a response body.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, BlobError>> + Send + 'static {
        futures_util::stream::unfold(self, |mut stream| async move { stream.next().await.map(|chunk| (chunk, stream)) })
    }

    /// The remaining bytes in one piece, for small blobs.
    ///
    /// # Errors
    /// As [`BlobStream::next`], and [`BlobError::TooLarge`] if more than `max_bytes` remain.
    pub async fn collect(mut self, max_bytes: u64) -> Result<Bytes, BlobError> {
        if self.left_bytes > max_bytes {
            return Err(BlobError::TooLarge { limit_bytes: max_bytes });
        }
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await {
            let chunk = chunk?;
            if all.is_empty() && self.left_bytes == 0 {
                return Ok(chunk);
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }
}

impl Blob {
    fn chunk(&mut self, seek_to: Option<u64>, wanted: usize) -> Result<Bytes, BlobError> {
        let mut read = || {
            if let Some(offset) = seek_to {
                self.file.seek(SeekFrom::Start(offset))?;
            }
            let mut chunk = Vec::with_capacity(wanted);
            // Reads into spare capacity, which avoids zeroing the buffer.
            (&self.file).take(wanted as u64).read_to_end(&mut chunk)?;
            Ok(chunk)
        };
        let chunk: Vec<u8> = read().map_err(|error| BlobError::io("read", &self.path, error))?;
        if chunk.len() == wanted {
            return Ok(chunk.into());
        }
        let found_bytes = self.file.metadata().map_or(0, |file| file.len());
        Err(BlobError::Damaged { path: self.path.clone(), expected_bytes: self.bytes, found_bytes })
    }
}
