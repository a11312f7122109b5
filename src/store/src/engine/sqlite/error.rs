//! Translation of SQLite's errors, and what they mean for the connection.

use std::path::Path;

use hearth_base::{Error, Reason, error::refuse};
use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::engine::Trouble;

/// The message for clients when the disk is full.
pub(crate) const OUT_OF_SPACE: &str = "The server's disk is full. Reading still works; writing works again when its \
    administrator has freed some space on it, or has moved the data to a larger one.";

/// What `error` means for the whole connection; `None` if it concerns one statement only.
pub(super) fn trouble(error: &rusqlite::Error) -> Option<Trouble> {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return None;
    };
    match failure.code {
        ErrorCode::DiskFull => Some(Trouble::Full),
        // SQLite reports a full disk as this I/O error when it extends the shared-memory file.
        ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Some(Trouble::Full),
        ErrorCode::SystemIoFailure
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly => Some(Trouble::Lost),
        _ => None,
    }
}

/// Converts `error`, with what was being done and the remedy if there is one.
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

/// The error for a damaged database: names the file and the remedy.
pub(super) fn corrupt(path: &Path, cause: impl Into<hearth_base::error::Cause>) -> Error {
    let path = path.display();
    Error::fault(
        format!(
            "the database {path} is damaged. Nothing was changed. Keep a copy of the file, then replace it with the \
             newest backup, or with the newest copy in the folder `snapshots` next to it"
        ),
        cause,
    )
}
