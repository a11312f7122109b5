//! Copies of the database, taken before a migration, so that an update can be undone.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use hearth_base::remedy::with_remedy;
use hearth_base::{Clock, Error, Result};

use crate::engine::Engine;
use crate::space;

/// Copies to keep; older ones are deleted.
const SNAPSHOTS_KEPT: usize = 3;

/// The folder of a file; `.` for a bare file name.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Copies the database at `path`, with schema number `schema`, into the folder `snapshots` next to it.
///
/// Fails if there is not enough space, and then nothing is migrated: an update without a way back needs the operator's
/// decision.
pub(crate) fn before_migration(engine: &dyn Engine, path: &Path, schema: u32, clock: &dyn Clock) -> Result<()> {
    let folder = folder_of(path).join("snapshots");
    let doing = || format!("keeping a copy of the database in {} before updating it", folder.display());
    // The copies contain the signing key too.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| Error::fault(doing(), with_remedy(&folder, error)))?;
    let sizes = engine.sizes();
    let wanted = sizes.database + sizes.log;
    if let Some(free) = space::free_bytes(&folder).filter(|free| *free < wanted) {
        return Err(Error::broken(format!(
            "{}: the disk has {free} bytes free and the copy may need {wanted}. Free some space and start again, or \
             disable the copy (`database.snapshot_before_migration`); nothing was changed",
            doing()
        )));
    }
    let target = folder.join(format!("hearth-{schema}-{}.db", clock.now_ms()));
    // Written under another name and renamed when complete, so that a crash leaves no truncated file that looks like a
    // copy.
    let partial = target.with_extension("partial");
    drop(std::fs::remove_file(&partial));
    engine.snapshot(&partial)?;
    std::fs::rename(&partial, &target).map_err(|error| Error::fault(doing(), error))?;
    tracing::info!(path = %target.display(), "Copied the database before the migration.");
    forget_old(&folder).map_err(|error| Error::fault("deleting old copies of the database", error))
}

/// Deletes all but the newest copies. Other files in the folder are left alone.
fn forget_old(folder: &Path) -> std::io::Result<()> {
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(taken) = taken_at(&path) {
            copies.push((taken, path));
        }
    }
    copies.sort();
    let old = copies.len().saturating_sub(SNAPSHOTS_KEPT);
    copies.iter().take(old).try_for_each(|(_, path)| std::fs::remove_file(path))
}

/// When a copy was taken, in milliseconds since the epoch; `None` for a file that is not such a copy.
fn taken_at(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let (schema, taken) = name.strip_prefix("hearth-")?.strip_suffix(".db")?.split_once('-')?;
    schema.parse::<u32>().ok()?;
    taken.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_copies_stay_and_foreign_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["hearth-1-900.db", "hearth-2-1000.db", "hearth-10-800.db", "hearth-3-5.db", "notes.db", "hearth-x-1.db"]
        {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        forget_old(folder.path()).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["hearth-1-900.db", "hearth-10-800.db", "hearth-2-1000.db", "hearth-x-1.db", "notes.db"]);
    }
}
