//! Disk space for uploads and copies under way.
//!
//! [`limits::MEDIA_FREE_BYTES_MIN`] stay free for the database and its write-ahead log: they matter more. A look at the
//! file system when an upload begins is not enough, because many uploads that begin at the same time all see the same
//! free space. So each reserves what it may write before it writes it: its `Content-Length` at once, and bytes beyond in
//! steps. What is on disk is no longer reserved, because the file system counts it itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hearth_base::{Result, limits};
use hearth_media::Blobs;
use hearth_media::blobs::{BlobWriter, Stored};

use super::{Media, refuse};

/// Bytes that uploads under way have reserved and not written yet, all together.
#[derive(Debug, Default)]
pub(super) struct ReservedSpace(AtomicU64);

/// One upload's part of [`ReservedSpace`]. Dropping it gives it back.
#[derive(Debug)]
struct Reservation {
    all: Arc<ReservedSpace>,
    bytes: u64,
}

/// A [`BlobWriter`] that reserves space before it writes.
#[derive(Debug)]
pub(super) struct ReservedWriter {
    blobs: Blobs,
    writer: BlobWriter,
    bytes_max: u64,
    /// Up to which length of the file space is reserved or used.
    upto_bytes: u64,
    reserved: Reservation,
}

impl Reservation {
    fn new(all: &Arc<ReservedSpace>) -> Self {
        Self { all: Arc::clone(all), bytes: 0 }
    }

    /// Reserves more. `free_bytes` looks at the file system, and is awaited after the reservation: of two that come at the
    /// same time at least one sees the other's.
    async fn grow(&mut self, bytes: u64, free_bytes: impl Future<Output = Result<u64>>) -> Result<()> {
        self.all.0.fetch_add(bytes, Ordering::AcqRel);
        self.bytes += bytes;
        let free = free_bytes.await;
        let left = free.map(|free| free.saturating_sub(self.all.0.load(Ordering::Acquire)));
        match left {
            Ok(left) if left >= limits::MEDIA_FREE_BYTES_MIN => Ok(()),
            Ok(_) => Err(refuse::full()),
            Err(error) => Err(error),
        }
    }

    /// Gives back all but `bytes`.
    fn shrink_to(&mut self, bytes: u64) {
        let back = self.bytes.saturating_sub(bytes);
        self.all.0.fetch_sub(back, Ordering::AcqRel);
        self.bytes -= back;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

impl Media {
    /// Begins a file of at most `bytes_max` bytes, of which `bytes` are announced.
    ///
    /// [`hearth_base::Reason::OutOfSpace`] when the disk is nearly full, or would be with what others are writing.
    pub(super) async fn reserved_writer(&self, bytes: u64, bytes_max: u64) -> Result<ReservedWriter> {
        let upto_bytes = bytes.min(bytes_max);
        let mut reserved = Reservation::new(&self.reserved);
        reserved.grow(upto_bytes, free_bytes(&self.blobs)).await?;
        let writer = self.blobs.writer(bytes_max).await.map_err(refuse::disk)?;
        Ok(ReservedWriter { blobs: self.blobs.clone(), writer, bytes_max, upto_bytes, reserved })
    }
}

impl ReservedWriter {
    /// Writes the next chunk. `M_TOO_LARGE` as soon as the limit is exceeded, and
    /// [`hearth_base::Reason::OutOfSpace`]; after any error the file is over.
    pub(super) async fn write(&mut self, chunk: Bytes) -> Result<()> {
        // Beyond the limit the writer refuses the chunk.
        let after = self.writer.bytes().saturating_add(chunk.len() as u64).min(self.bytes_max);
        if let Some(lacking) = after.checked_sub(self.upto_bytes).filter(|lacking| *lacking > 0) {
            let step = lacking.max(limits::MEDIA_RESERVE_STEP_BYTES).min(self.bytes_max - self.upto_bytes);
            self.reserved.grow(step, free_bytes(&self.blobs)).await?;
            self.upto_bytes += step;
        }
        self.writer.write(chunk).await.map_err(refuse::disk)?;
        self.reserved.shrink_to(self.upto_bytes.saturating_sub(self.writer.written_bytes()));
        Ok(())
    }

    /// Stores the file, see [`BlobWriter::finish`].
    pub(super) async fn finish(self) -> Result<Stored> {
        // Held until the last bytes are on disk.
        let _reserved = self.reserved;
        self.writer.finish().await.map_err(refuse::disk)
    }
}

async fn free_bytes(blobs: &Blobs) -> Result<u64> {
    blobs.free_bytes().await.map_err(refuse::disk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_base::Reason;

    const MIB: u64 = 1024 * 1024;

    #[tokio::test]
    async fn uploads_under_way_count_and_end_counting() {
        let all: Arc<ReservedSpace> = Arc::default();
        let free = limits::MEDIA_FREE_BYTES_MIN + 100 * MIB;
        let (mut one, mut other) = (Reservation::new(&all), Reservation::new(&all));
        one.grow(60 * MIB, async { Ok(free) }).await.expect("room");
        let refused = other.grow(60 * MIB, async { Ok(free) }).await.expect_err("too much together");
        assert_eq!(refused.reason(), Some(Reason::OutOfSpace));
        drop(other);
        let mut other = Reservation::new(&all);
        // Half of the first is on disk: reserved less, and as much less free.
        one.shrink_to(30 * MIB);
        let free = free - 30 * MIB;
        assert!(Reservation::new(&all).grow(41 * MIB, async { Ok(free) }).await.is_err());
        other.grow(40 * MIB, async { Ok(free) }).await.expect("room for just that");
        drop((one, other));
        assert_eq!(all.0.load(Ordering::Acquire), 0);
    }
}
