//! Backups of room keys, encrypted by clients, so that a user who loses all devices can read their history
//! (client-server API, "Server-side key backups").

mod merge;
mod sessions;
mod versions;

use hearth_base::{Error, Result};
use hearth_store::tables::backups::VersionRow;

pub use hearth_store::tables::backups::BackupScope;
pub use sessions::{Keys, Stored};
pub use versions::Version;

/// Parses a version number; a malformed one names a version that does not exist.
fn number(version: &str) -> Result<i64> {
    version.parse().map_err(|_| unknown())
}

/// Unwraps a version, or returns the error for a missing one.
fn existing(version: Option<VersionRow>) -> Result<VersionRow> {
    version.ok_or_else(unknown)
}

fn unknown() -> Error {
    Error::not_found("There is no such version of your key backup.")
}
