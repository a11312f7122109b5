//! SQLite's errors in the house's words, and what they mean for the connection.

use std::path::Path;

use hearth_base::{Error, Reason, error::refuse};
use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::engine::Trouble;

/// What is said when the disk is full.
pub(crate) const OUT_OF_SPACE: &str = "The server's disk is full. Reading goes on; writing works again as soon as its \
    administrator has made room (delete media or old snapshots, or move to a larger disk).";

/// What is wrong with the connection after `error`, if anything is.
pub(super) fn trouble(error: &rusqlite::Error) -> Option<Trouble> {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return None;
    };
    match failure.code {
        ErrorCode::DiskFull => Some(Trouble::Full),
        // Growing the shared-memory file is where a full disk does not say so.
        ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Some(Trouble::Full),
        ErrorCode::SystemIoFailure
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly => Some(Trouble::Lost),
        _ => None,
    }
}

/// `error`, with what was being done and, where there is one, the remedy.
pub(super) fn explain(doing: String, error: rusqlite::Error, path: &Path) -> Error {
    if trouble(&error) == Some(Trouble::Full) {
        return refuse(Reason::OutOfSpace, OUT_OF_SPACE);
    }
    let code = error.sqlite_error_code();
    match code {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => corrupt(path, error),
        _ => Error::fault(doing, error),
    }
}

/// The database cannot be trusted; says which file, and what to do.
pub(super) fn corrupt(path: &Path, cause: impl Into<hearth_base::error::Cause>) -> Error {
    let path = path.display();
    Error::fault(
        format!(
            "the database {path} is damaged. Nothing was changed. Run `hearth doctor` to see how far the damage goes, and \
             restore the newest snapshot (the folder `snapshots` beside it) or backup with `hearth restore`"
        ),
        cause,
    )
}
