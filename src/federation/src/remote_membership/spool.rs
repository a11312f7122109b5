//! Keeps the events of a `send_join` response while they are checked: in memory as long as they are few, beyond that in a
//! file. A room's state may be larger than the memory that a join may take.
//!
//! The file has no name: it is removed as soon as it is open, so nothing is left of it after a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use hearth_base::limits::federation::JOIN_SPOOL_MEMORY_BYTES_MAX;
use hearth_base::{Error, Reason, Result, error::refuse};

/// Bytes that can be appended and read again.
#[derive(Debug)]
pub(super) struct Spool {
    /// Where to create the file, once it is needed.
    path: PathBuf,
    file: Option<File>,
    /// Bytes in the file.
    written: u64,
    /// What follows after those.
    tail: Vec<u8>,
}

/// Where a piece is in its spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpoolPlace {
    at: u64,
    bytes: u32,
}

impl SpoolPlace {
    /// Length of the piece, in bytes.
    pub(super) fn bytes(self) -> usize {
        self.bytes as usize
    }
}

impl Spool {
    /// An empty spool. `path` is that of its file, for as long as it takes to open it.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, written: 0, tail: Vec::new() }
    }

    /// Appends a piece, in memory: the caller flushes when the spool [is full](Self::is_full).
    pub(super) fn append(&mut self, piece: &[u8]) -> SpoolPlace {
        let at = self.written + self.tail.len() as u64;
        self.tail.extend_from_slice(piece);
        // A piece is an event, far below 4 GiB.
        SpoolPlace { at, bytes: u32::try_from(piece.len()).unwrap_or(u32::MAX) }
    }

    /// Whether more is in memory than may be.
    pub(super) fn is_full(&self) -> bool {
        self.tail.len() >= JOIN_SPOOL_MEMORY_BYTES_MAX
    }

    /// Bytes in memory.
    #[cfg(test)]
    pub(super) fn in_memory_bytes(&self) -> usize {
        self.tail.len()
    }

    /// Moves what is in memory to the file. Blocks. `M_UNKNOWN` with status 507 when the disk is full.
    pub(super) fn flush(&mut self) -> Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open().map_err(fault)?,
        };
        file.write_all(&self.tail).map_err(fault)?;
        self.file = Some(file);
        self.written += self.tail.len() as u64;
        self.tail = Vec::new();
        Ok(())
    }

    /// Reads a piece. Blocks.
    pub(super) fn read(&self, place: SpoolPlace) -> Result<Vec<u8>> {
        if let Some(at) = place.at.checked_sub(self.written) {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let piece = self.tail.get(at..at.saturating_add(place.bytes()));
            return piece.map(<[u8]>::to_vec).ok_or_else(|| Error::broken("a piece of a room's state is missing"));
        }
        let file = self.file.as_ref().ok_or_else(|| Error::broken("the file of a room's state is missing"))?;
        let mut piece = vec![0; place.bytes()];
        file.read_exact_at(&mut piece, place.at).map_err(fault)?;
        Ok(piece)
    }

    fn open(&self) -> io::Result<File> {
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&self.path)?;
        std::fs::remove_file(&self.path)?;
        Ok(file)
    }
}

/// The refusal when there is no space for the state of a room that is joined.
pub(super) fn no_space() -> Error {
    refuse(Reason::OutOfSpace, "The server's disk is nearly full: it joins no large room until there is more space.")
}

fn fault(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => no_space(),
        _ => Error::fault("keeping the state of a room that is joined", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_from_memory_and_from_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = Spool::new(folder.path().join("join"));
        let mut places = Vec::new();
        for n in 0..5_usize {
            let piece = vec![b'0' + n as u8; 1_000 + n];
            places.push((spool.append(&piece), piece));
            if n % 2 == 1 {
                spool.flush().expect("written");
                assert!(spool.tail.is_empty(), "what is in the file is not in memory");
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "the file has no name");
        for (place, piece) in places {
            assert_eq!(spool.read(place).expect("there"), piece);
        }
        assert!(spool.read(SpoolPlace { at: 10_000, bytes: 1 }).is_err());
    }
}
