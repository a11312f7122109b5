//! Backup versions: each has its own key, and only the newest accepts room keys.

use hearth_base::boxed;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::quotas::Quota;
use hearth_core::{Requester, canonical};
use hearth_store::tables::backups::{self, BackupScope, VersionRow};
use ruma::api::client::backup::BackupAlgorithm;
use ruma::serde::Raw;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{existing, number};
use crate::crypto::Crypto;

/// A version, as the API returns it.
#[derive(Debug, Clone)]
pub struct Version {
    /// The version number.
    pub version: String,
    /// `algorithm` and `auth_data`.
    pub algorithm: Raw<BackupAlgorithm>,
    /// Changes whenever the keys change.
    pub etag: String,
    /// Number of keys.
    pub count: u64,
}

impl Version {
    fn new(row: &VersionRow) -> Result<Self> {
        let auth_data: &RawValue =
            serde_json::from_str(&row.auth_data).map_err(|error| Error::fault("reading a stored backup", error))?;
        // Written as it is stored, without parsing it: versions stored by an older server may hold what is no valid text.
        let algorithm = to_raw_value(&Shown { algorithm: &row.algorithm, auth_data });
        let algorithm = Raw::from_json(algorithm.map_err(|error| Error::fault("writing a backup's algorithm", error))?);
        let count = row.sessions.unsigned_abs();
        Ok(Self { version: row.version.to_string(), algorithm, etag: row.etag.to_string(), count })
    }
}

/// The algorithm and its data, as the API returns them.
#[derive(Serialize)]
struct Shown<'a> {
    algorithm: &'a str,
    auth_data: &'a RawValue,
}

/// The request body.
#[derive(Debug, Deserialize)]
struct Wanted {
    algorithm: String,
    auth_data: Box<RawValue>,
    /// Must equal the version in the path, if present.
    version: Option<String>,
}

impl Wanted {
    fn read(raw: &Raw<BackupAlgorithm>) -> Result<Self> {
        let wanted: Self = serde_json::from_str(raw.json().get())
            .map_err(|error| Error::bad_json(format!("A backup needs `algorithm` and `auth_data`: {error}")))?;
        if wanted.auth_data.get().len() > limits::BACKUP_AUTH_DATA_BYTES_MAX
            || wanted.algorithm.len() > limits::ID_BYTES_MAX
        {
            return Err(refuse(Reason::TooLarge, "The backup's `algorithm` or `auth_data` is too large."));
        }
        if !wanted.auth_data.get().starts_with('{') {
            return Err(Error::bad_json("The backup's `auth_data` must be an object."));
        }
        canonical::check_readable("The backup's `auth_data`", wanted.auth_data.get())?;
        if wanted.algorithm.contains('\0') {
            return Err(Error::bad_json("The backup's `algorithm` contains a NUL character."));
        }
        Ok(wanted)
    }
}

impl Crypto {
    /// Creates a version; from now on only it accepts room keys.
    ///
    /// Refuses with `M_BAD_JSON`, `M_TOO_LARGE`, or `M_USER_LIMIT_EXCEEDED` at the quota of versions.
    #[boxed]
    pub async fn create_backup(&self, who: &Requester, algorithm: &Raw<BackupAlgorithm>) -> Result<String> {
        let (core, user, wanted) = (self.core.clone(), who.user, Wanted::read(algorithm)?);
        let write = self.core.store.write("backup_create", move |tx| {
            Quota::KeyBackupVersions.check(&core.config.quotas, tx.tx(), user, 1)?;
            backups::create(tx.tx(), user, &wanted.algorithm, wanted.auth_data.get())
        });
        Ok(write.await?.to_string())
    }

    /// Reads a version, or the newest one. Refuses with `M_NOT_FOUND` when there is none.
    #[boxed]
    pub async fn backup(&self, who: &Requester, version: Option<&str>) -> Result<Version> {
        let (user, version) = (who.user, version.map(number).transpose()?);
        let read = self.core.store.read("backup_get", move |tx| match version {
            Some(version) => existing(backups::get(tx.tx(), user, version)?),
            None => backups::newest(tx.tx(), user)?.ok_or_else(|| Error::not_found("You have no key backup.")),
        });
        Version::new(&read.await?)
    }

    /// Updates a version's `auth_data`: the signatures may change, the key may not.
    ///
    /// Refuses with `M_NOT_FOUND`, or with `M_INVALID_PARAM` when the algorithm or version differs.
    #[boxed]
    pub async fn update_backup(&self, who: &Requester, version: &str, algorithm: &Raw<BackupAlgorithm>) -> Result<()> {
        let (user, number, wanted) = (who.user, number(version)?, Wanted::read(algorithm)?);
        if wanted.version.as_ref().is_some_and(|named| named != version) {
            return Err(Error::invalid("The version in the body is not the one in the path."));
        }
        let write = self.core.store.write("backup_update", move |tx| {
            let row = existing(backups::get(tx.tx(), user, number)?)?;
            if row.algorithm != wanted.algorithm {
                return Err(Error::invalid("The algorithm of a backup cannot change: create a new version."));
            }
            backups::set_auth_data(tx.tx(), user, number, wanted.auth_data.get())
        });
        write.await
    }

    /// Deletes a version with all its keys. Refuses with `M_NOT_FOUND`.
    ///
    /// Many keys are deleted in several writes, and the version in the last one: when it breaks off, the version is
    /// there with fewer keys, and the same request again deletes it.
    #[boxed]
    pub async fn delete_backup(&self, who: &Requester, version: &str) -> Result<()> {
        let (user, number) = (who.user, number(version)?);
        while !self.delete_piece(user, number, BackupScope::All).await?.1 {}
        let write = self.core.store.write("backup_delete", move |tx| backups::delete_version(tx.tx(), user, number));
        if write.await? { Ok(()) } else { Err(super::unknown()) }
    }
}
