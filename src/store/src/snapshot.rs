//! A copy of the database from before it is migrated, so that a new version that disappoints can be undone.

use std::path::{Path, PathBuf};

use hearth_base::{Clock, Error, Result};

use crate::engine::Engine;
use crate::space;

/// Copies kept; older ones are deleted.
const SNAPSHOTS_KEPT: usize = 3;

/// The folder a file lies in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Copies the database at `path`, whose schema is `schema`, into the folder `snapshots` beside it.
///
/// Without enough room it fails and nothing is migrated: a server that cannot go back should not go forward by itself.
pub(crate) fn before_migration(engine: &dyn Engine, path: &Path, schema: u32, clock: &dyn Clock) -> Result<()> {
    let folder = folder_of(path).join("snapshots");
    let doing = || format!("keeping a copy of the database in {} before updating it", folder.display());
    std::fs::create_dir_all(&folder).map_err(|error| Error::fault(doing(), error))?;
    let sizes = engine.sizes();
    let wanted = sizes.database + sizes.log;
    if let Some(free) = space::free_bytes(&folder).filter(|free| *free < wanted) {
        return Err(Error::broken(format!(
            "{}: the disk has {free} bytes free and the copy may need {wanted}. Make room and start again, or turn the copy \
             off in the configuration; nothing was changed",
            doing()
        )));
    }
    let target = folder.join(format!("hearth-{schema}-{}.db", clock.now_ms()));
    // Whole or not at all: a copy that a crash cut short must not pass for one.
    let partial = target.with_extension("partial");
    drop(std::fs::remove_file(&partial));
    engine.snapshot(&partial)?;
    std::fs::rename(&partial, &target).map_err(|error| Error::fault(doing(), error))?;
    tracing::info!(path = %target.display(), "The database was copied before its update.");
    forget_old(&folder).map_err(|error| Error::fault("deleting old copies of the database", error))
}

/// Deletes all but the newest copies. Other files in the folder are not ours.
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

/// When a copy was taken, in milliseconds since the epoch; `None` for a file that is not a copy of ours.
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
