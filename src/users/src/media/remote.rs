//! Cached copies of remote media: lookup, storage, and eviction of the least recently used. Which copies to fetch, and
//! from where, is not decided here.

use bytes::Bytes;
use hearth_base::Result;
use hearth_base::boxed;
use hearth_media::blobs::Stored;
use hearth_media::serving::clean_file_name;
use hearth_media::sniff::{FileKind, sniff};
use hearth_store::tables::remote_media::{self, RemoteMediaRow};
use hearth_store::tables::thumbnails;
use hearth_store::{Lane, WriteTx};
use ruma::ServerName;

use super::reserve::ReservedWriter;
use super::thumbnail::key;
use super::upload::content_type;
use super::{Described, Media, MediaFile, MediaId, Spec, files};

/// Copies to evict in one transaction.
const EVICTED_AT_ONCE: u64 = 100;

/// A copy in progress. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct CopyUpload<'a> {
    media: &'a Media,
    writer: ReservedWriter,
    server: String,
    id: MediaId,
    content_type: String,
    file_name: Option<String>,
}

impl Media {
    /// The copy of remote media; `None` if there is none.
    #[boxed]
    pub async fn copy(&self, server: &ServerName, id: &MediaId) -> Result<Option<MediaFile>> {
        let (server, id) = (server.to_string(), id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| remote_media::get(tx.tx(), &server, id.as_str());
        let Some(row) = self.core.store.read("media_copy", read).await? else { return Ok(None) };
        self.accessed.note_remote(&row, self.core.now_ms());
        Ok(Some(MediaFile::original(row.into())))
    }

    /// A thumbnail of the copy, or the copy itself if it is small enough; `None` if there is no copy. Refuses as
    /// [`super::LocalMedia::thumbnail`] does.
    #[boxed]
    pub async fn copy_thumbnail(&self, server: &ServerName, id: &MediaId, spec: Spec) -> Result<Option<MediaFile>> {
        let (server, id) = (server.to_string(), id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let Some(row) = remote_media::get(tx.tx(), &server, id.as_str())? else { return Ok(None) };
            let known = thumbnails::get(tx.tx(), &key(row.hash, spec))?;
            Ok(Some((row, known)))
        };
        let Some((row, known)) = self.core.store.read("media_copy", read).await? else { return Ok(None) };
        self.accessed.note_remote(&row, self.core.now_ms());
        self.known_or_made(&row.into(), known, spec).await.map(Some)
    }

    /// Begins a copy. `described` is the other server's description, which is not trusted.
    ///
    /// `M_TOO_LARGE` when it exceeds the upload limit, [`hearth_base::Reason::OutOfSpace`] when the disk is nearly
    /// full.
    pub async fn begin_copy(&self, server: &ServerName, id: &MediaId, described: Described) -> Result<CopyUpload<'_>> {
        let bytes_max = self.upload_bytes_max();
        let file_name = described.file_name.as_deref().map(clean_file_name);
        Ok(CopyUpload {
            media: self,
            writer: self.reserved_writer(described.bytes.unwrap_or(0), bytes_max).await?,
            server: server.to_string(),
            id: id.clone(),
            content_type: content_type(described.content_type.as_deref()),
            file_name: file_name.filter(|name| !name.is_empty()),
        })
    }

    /// Evicts copies until they fit the configured size.
    pub(super) async fn evict_remote(&self) -> Result<()> {
        let bytes_max = u64::from(self.core.config.media.remote_cache_mib) * 1024 * 1024;
        loop {
            let evict = move |tx: &mut WriteTx<'_>| evict(tx, bytes_max);
            let files = self.core.store.write_in(Lane::Upkeep, "media_evict", evict).await?;
            if files.is_empty() {
                return Ok(());
            }
            for hash in files {
                self.delete_unused(hash).await?;
            }
        }
    }
}

/// Deletes some rows beyond the size; returns files that may have no row left.
fn evict(tx: &mut WriteTx<'_>, bytes_max: u64) -> Result<Vec<[u8; 32]>> {
    let mut over = remote_media::usage(tx.tx())?.bytes.saturating_sub(bytes_max);
    let mut unused = Vec::new();
    if over == 0 {
        return Ok(unused);
    }
    for row in remote_media::longest_unused(tx.tx(), EVICTED_AT_ONCE)? {
        if over == 0 {
            break;
        }
        over = over.saturating_sub(row.bytes);
        remote_media::delete(tx.tx(), &row.server, &row.id)?;
        // Another upload may have the same bytes: thumbnails go with the last of them.
        if !files::is_original(tx.tx(), &row.hash)? {
            unused.extend(thumbnails::delete(tx.tx(), &row.hash)?);
        }
        unused.push(row.hash);
    }
    Ok(unused)
}

impl CopyUpload<'_> {
    /// Writes the next chunk. `M_TOO_LARGE` as soon as the limit is exceeded, and
    /// [`hearth_base::Reason::OutOfSpace`] when the disk is nearly full; after any error the copy is over.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.writer.write(chunk).await
    }

    /// Completes the copy. When this returns, file and row are on disk.
    pub async fn finish(self) -> Result<()> {
        let Self { media, writer, server, id, content_type, file_name } = self;
        let coming_in = media.gate.come_in().await;
        let Stored { hash, bytes, head, .. } = writer.finish().await?;
        let now_ms = media.core.now_ms();
        let row = RemoteMediaRow {
            server,
            id: id.as_str().to_owned(),
            fetched_ms: now_ms,
            accessed_ms: now_ms,
            hash,
            bytes,
            content_type,
            file_name,
            markup: sniff(&head) == Some(FileKind::Markup),
        };
        let write = move |tx: &mut WriteTx<'_>| {
            remote_media::insert(tx.tx(), &row)?;
            tx.after_commit(move || drop(coming_in));
            Ok(())
        };
        media.core.store.write("media_copy_add", write).await
    }
}
