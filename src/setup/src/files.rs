//! Writes files and folders so that a stop at any point leaves either the old state or the new one.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Permission bits of the data folder.
const FOLDER: u32 = 0o700;

/// Replaces a file in one step: its content is on disk under another name before it gets its own. Keeps the owner of a file
/// that is there.
///
/// # Errors
/// Those of the file system. The old file is then as it was.
pub fn write_file(path: &Path, text: &str, mode: u32) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hidden = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_new(&hidden, text, mode).and_then(|()| {
        if let Ok(old) = path.metadata() {
            std::os::unix::fs::chown(&hidden, Some(old.uid()), Some(old.gid()))?;
        }
        std::fs::rename(&hidden, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&hidden);
    }
    written?;
    // The new name is on disk only after this.
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    // Whatever the umask is, and a file that was there had.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the data folder, for this account alone, or closes one that is there to others. With `owner`, gives it to that
/// account.
///
/// # Errors
/// Those of the file system.
pub fn make_folder(path: &Path, owner: Option<(u32, u32)>) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(FOLDER))?;
    if let Some((user, group)) = owner {
        std::os::unix::fs::chown(path, Some(user), Some(group))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/hearth.toml");
        write_file(&path, "old", 0o644).unwrap();
        write_file(&path, "new", 0o600).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let names: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "no other file is left: {names:?}");
    }

    #[test]
    fn what_cannot_be_replaced_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hearth.toml");
        std::fs::create_dir(&path).unwrap();
        write_file(&path, "new", 0o600).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
    }

    #[test]
    fn a_folder_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/data");
        make_folder(&path, None).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        make_folder(&path, None).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
    }
}
