//! The encoded input of a thumbnail.

use bytes::Bytes;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// An encoded image. A file is read while it is decoded, never as a whole.
#[derive(Debug)]
pub enum Source {
    /// An open file, for example from [`crate::Blob::into_file`].
    File(File),
    /// Bytes in memory.
    Bytes(Bytes),
}

/// A seekable reader of a [`Source`].
#[derive(Debug)]
pub(super) enum Input {
    File(File),
    Bytes(Cursor<Bytes>),
}

impl Input {
    pub(super) fn new(source: Source) -> Self {
        match source {
            Source::File(file) => Self::File(file),
            Source::Bytes(bytes) => Self::Bytes(Cursor::new(bytes)),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Bytes(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Bytes(bytes) => bytes.seek(to),
        }
    }
}
