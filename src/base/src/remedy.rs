//! What an operator can do about an error of the file system: one sentence with the exact command.
//!
//! It looks at the file that an error is about (owner, mode, mount point), and changes nothing.

use std::fs::Metadata;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Permission bits of the owner to read and write a file, and to use a folder.
const OWNER_FILE: u32 = 0o600;
const OWNER_FOLDER: u32 = 0o700;

/// `error` with a remedy appended, if there is one for it. `path` is the file or folder that was to be opened or made.
#[must_use]
pub fn with_remedy(path: &Path, error: Error) -> Error {
    match remedy(path, error.kind()) {
        Some(remedy) => Error::new(error.kind(), format!("{error}. {remedy}")),
        None => error,
    }
}

/// What to do about an error of this kind; `None` if it depends.
#[must_use]
pub fn remedy(path: &Path, kind: ErrorKind) -> Option<String> {
    match kind {
        ErrorKind::PermissionDenied => denied(path),
        ErrorKind::ReadOnlyFilesystem => Some(read_only(path)),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(full(path)),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            let (there, _) = nearest(path)?;
            Some(format!("{} is a file: name another folder, or move it away", there.display()))
        }
        _ => None,
    }
}

/// What to do about a file system without space.
#[must_use]
pub fn full(path: &Path) -> String {
    let folder = nearest(path).map_or_else(|| PathBuf::from("/"), |(there, metadata)| folder_of(there, &metadata));
    format!(
        "Free some space there (`df -h {0}` shows how much there is), or name a folder on another disk",
        shown(&folder)
    )
}

/// The folder or the file may not be used by this account: gives it to the account, or makes it for it.
fn denied(path: &Path) -> Option<String> {
    let (there, metadata) = nearest(path)?;
    let (own, owner) = (own_uid()?, metadata.uid());
    let (me, them) = (account(own), account(owner));
    let exists = there == absolute(path);
    if owner != own && exists {
        let folder = folder_of(there.clone(), &metadata);
        return Some(format!(
            "{} belongs to the account {them}, and Hearth runs as {me}: `sudo chown -R {me}: {}` gives the folder to it",
            there.display(),
            shown(&folder)
        ));
    }
    if owner != own {
        // Giving away a folder of the system would break more than it mends.
        return Some(format!(
            "{} belongs to the account {them}, and Hearth runs as {me}: `sudo install -d -o {me} -m 0700 {}` makes the \
             folder for it",
            there.display(),
            shown(&folder_to_make(&absolute(path)))
        ));
    }
    let wanted = if metadata.is_dir() { OWNER_FOLDER } else { OWNER_FILE };
    (metadata.mode() & wanted != wanted)
        .then(|| format!("{} lacks permissions: `chmod u+rwX {}` adds them", there.display(), shown(&there)))
}

fn read_only(path: &Path) -> String {
    let path = absolute(path);
    format!(
        "The file system of {} is read-only. Either name another folder; or, if it should be writable, `dmesg` tells what \
         happened to the disk, and `sudo mount -o remount,rw {}` makes it writable again. Under systemd, a service may \
         write only where its unit allows it: `StateDirectory=` or `ReadWritePaths=`",
        path.display(),
        shown(&mount_point(&path))
    )
}

/// The name of the account with this id, or the id.
#[must_use]
pub fn account(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| uid.to_string())
}

/// The id of the account that this process runs as; `None` where `/proc` is missing.
#[must_use]
pub fn own_uid() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|metadata| metadata.uid())
}

/// A path for a shell.
fn shown(path: &Path) -> String {
    let path = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if path.chars().all(plain) { path.into_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The path itself, or its nearest ancestor that exists and can be looked at.
fn nearest(path: &Path) -> Option<(PathBuf, Metadata)> {
    let path = absolute(path);
    path.ancestors().find_map(|at| Some((at.to_owned(), at.metadata().ok()?)))
}

fn folder_of(path: PathBuf, metadata: &Metadata) -> PathBuf {
    let parent = || path.parent().map(Path::to_owned);
    if metadata.is_dir() { path } else { parent().unwrap_or(path) }
}

/// The folder to make for `path`: the path itself, or, for a file of a database, its folder.
fn folder_to_make(path: &Path) -> PathBuf {
    match (path.extension(), path.parent()) {
        (Some(_), Some(folder)) => folder.to_owned(),
        _ => path.to_owned(),
    }
}

/// The highest folder on the same file system.
fn mount_point(path: &Path) -> PathBuf {
    let Some((there, metadata)) = nearest(path) else { return PathBuf::from("/") };
    let same = |at: &&Path| at.metadata().is_ok_and(|it| it.dev() == metadata.dev());
    there.ancestors().take_while(same).last().unwrap_or(&there).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_account_is_given_back_with_its_folder() {
        // As root, everything belongs to this account; files of the kernel belong to root.
        if own_uid() == Some(0) {
            assert_eq!(account(0), "root");
            return;
        }
        let text = remedy(Path::new("/etc/passwd"), ErrorKind::PermissionDenied).unwrap();
        assert!(text.contains("account root") && text.contains("sudo chown -R"), "{text}");
        let text = remedy(Path::new("/usr/share/none/hearth.db"), ErrorKind::PermissionDenied).unwrap();
        assert!(text.contains("sudo install -d") && text.contains("-m 0700 /usr/share/none`"), "{text}");
    }

    #[test]
    fn commands_name_the_place() {
        let text = remedy(Path::new("/proc/none/x"), ErrorKind::ReadOnlyFilesystem).unwrap();
        assert!(text.contains("remount,rw /proc`") && text.contains("ReadWritePaths="), "{text}");
        let text = remedy(Path::new("/proc/none/x"), ErrorKind::StorageFull).unwrap();
        assert!(text.contains("`df -h /proc`"), "{text}");
        let text = remedy(Path::new("/etc/passwd/x"), ErrorKind::NotADirectory).unwrap();
        assert!(text.starts_with("/etc/passwd is a file"), "{text}");
        assert_eq!(remedy(Path::new("/"), ErrorKind::TimedOut), None);
        assert_eq!(shown(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }

    #[test]
    fn errors_keep_their_kind() {
        let error = with_remedy(Path::new("/proc/x"), ErrorKind::StorageFull.into());
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().contains("Free some space"), "{error}");
    }
}
