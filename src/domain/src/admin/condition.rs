//! Server health: whether it can accept writes.

use super::Admin;

/// A fault that stops the server from accepting writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// A commit failed. The server does not write until the database has been opened again.
    DatabaseInDoubt,
    /// The disk is full: reads work, writes fail.
    DiskFull,
}

impl Ailment {
    /// The fault, as a sentence for the operator.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::DatabaseInDoubt => "The database could not be written to, so nothing is taken until it can be again.",
            Self::DiskFull => "The disk is full: reading works, writing does not.",
        }
    }

    /// The remedy, as a sentence for the operator.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::DatabaseInDoubt => {
                "Look in the log and in the system's log for errors of the disk, then start Hearth again."
            }
            Self::DiskFull => "Free space on the disk that holds the data; writing resumes by itself.",
        }
    }
}

impl Admin {
    /// The current fault; `None` when the server is healthy.
    #[must_use]
    pub fn ailment(&self) -> Option<Ailment> {
        let health = self.core.store.health();
        if health.in_doubt {
            return Some(Ailment::DatabaseInDoubt);
        }
        health.out_of_space.then_some(Ailment::DiskFull)
    }
}
