//! The data folder and its permissions: the database holds password hashes and the signing key, so that no other account
//! may read it, whatever the permissions were before this start.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use hearth_base::config::{Config, Engine};
use hearth_base::remedy::{account, own_uid, with_remedy};
use hearth_base::{Error, Result};

use crate::admin_socket::Permit;

const FOLDER: u32 = 0o700;
/// For a data folder with the admin socket in it: the group may pass through, and still not list the folder.
const FOLDER_OF_GROUP: u32 = 0o710;
const FILE: u32 = 0o600;

/// What the data folder contains. A folder with anything else is not Hearth's alone, so its permissions stay.
const OWN_NAMES: [&str; 8] =
    ["media", "snapshots", "ballast", "certificates", "admin.sock", "admin.starting", "hearth.toml", "lost+found"];

/// Creates the data folder if it is missing, and takes permissions on it and on its files from other accounts.
pub(super) fn prepare(config: &Config) -> Result<()> {
    let data = &config.server.data_dir;
    DirBuilder::new().recursive(true).mode(FOLDER).create(data).map_err(|error| {
        let doing = format!("making the data folder {} (`server.data_dir`)", data.display());
        Error::fault(doing, with_remedy(data, error))
    })?;
    let group = socket_group(config)?;
    if is_own(data) {
        tighten(data, if group.is_some() { FOLDER_OF_GROUP } else { FOLDER });
    } else {
        warn_if_open(data, "and holds other things besides Hearth's");
    }
    if let Some(group) = group
        && data.metadata().is_ok_and(|it| it.gid() != group)
        && let Err(error) = std::os::unix::fs::chown(data, None, Some(group))
    {
        tracing::warn!(%error, "The group of `admin.group` cannot reach the admin socket in the data folder.");
    }
    if config.media.path.is_none() {
        tighten(&config.media_dir(), FOLDER);
    } else {
        warn_if_open(&config.media_dir(), "and holds the uploads of all users");
    }
    if config.database.engine == Engine::Sqlite {
        files_of_database(config);
    }
    Ok(())
}

fn files_of_database(config: &Config) {
    let path = config.database_path();
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        tighten(Path::new(&file), FILE);
    }
    for (name, mode) in [("ballast", FILE), ("snapshots", FOLDER)] {
        tighten(&path.with_file_name(name), mode);
    }
}

/// The group of the admin socket, if the socket is in the data folder and the group is not the server's own.
fn socket_group(config: &Config) -> Result<Option<u32>> {
    let within = config.admin_socket().parent() == Some(&config.server.data_dir);
    match &config.admin.group {
        Some(group) if within => Permit::of(Some(group)).map(|permit| Some(permit.group())),
        _ => Ok(None),
    }
}

/// Whether the folder contains nothing but what Hearth puts there.
fn is_own(folder: &Path) -> bool {
    let Ok(mut entries) = folder.read_dir() else { return false };
    entries.all(|entry| {
        let Ok(entry) = entry else { return false };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("hearth.db") || OWN_NAMES.contains(&&*name)
    })
}

/// Takes all permissions beyond `mode` from a file or folder of this account. Files of other accounts are only warned
/// about: a start with `sudo` must not change what belongs to the account that Hearth usually runs as.
fn tighten(path: &Path, mode: u32) {
    let Ok(metadata) = path.metadata() else { return };
    let before = metadata.mode() & 0o777;
    if before & !mode == 0 && before & mode == mode {
        return;
    }
    if Some(metadata.uid()) != own_uid() {
        return warn_if_open(path, "and to another account than Hearth's");
    }
    match std::fs::set_permissions(path, Permissions::from_mode(mode)) {
        Ok(()) if before & !mode != 0 => {
            tracing::info!(
                path = %path.display(),
                before = format!("{before:04o}"),
                now = format!("{mode:04o}"),
                "Other accounts of this machine could read this. Now they cannot."
            );
        }
        Ok(()) => {}
        Err(error) => tracing::warn!(%error, path = %path.display(), "Failed to change the permissions."),
    }
}

fn warn_if_open(path: &Path, why: &str) {
    let Ok(metadata) = path.metadata() else { return };
    if metadata.mode() & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            mode = format!("{:04o}", metadata.mode() & 0o777),
            "Other accounts of this machine can read this. It belongs to {} {why}. `chmod go= {}` changes that.",
            account(metadata.uid()),
            path.display()
        );
    }
}
