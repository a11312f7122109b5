//! Whether the server can do its work.

use super::Admin;

/// What keeps the server from doing its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// A commit failed; nothing is written before the database has been opened anew.
    DatabaseInDoubt,
    /// The disk is full; reading works, writing does not.
    DiskFull,
}

impl Ailment {
    /// What is wrong, as a sentence.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::DatabaseInDoubt => "The database could not be written to, so nothing is taken until it can be again.",
            Self::DiskFull => "The disk is full: reading works, writing does not.",
        }
    }

    /// What to do about it, as a sentence.
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
    /// What keeps the server from taking what clients send; none when all is well.
    #[must_use]
    pub fn ailment(&self) -> Option<Ailment> {
        let health = self.core.store.health();
        if health.in_doubt {
            return Some(Ailment::DatabaseInDoubt);
        }
        health.out_of_space.then_some(Ailment::DiskFull)
    }
}
