//! The room keys in a backup: store, fetch and delete, by backup, room or session.

use hearth_base::boxed;
use std::collections::BTreeMap;

use hearth_base::limits::users::BACKUP_ROWS_PER_WRITE_MAX;
use hearth_base::{Error, Reason, Result, error, error::refuse, limits};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::backups::{self, BackupScope, BackupSessionRow, VersionRow};
use ruma::api::client::backup::KeyBackupData;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, RoomId, UInt};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{existing, merge, number};
use crate::crypto::Crypto;

/// Room keys by room and session.
pub type Keys = BTreeMap<OwnedRoomId, BTreeMap<String, Raw<KeyBackupData>>>;

/// A version's state after a change.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Changes whenever the keys change.
    pub etag: String,
    /// Number of keys.
    pub count: u64,
}

impl From<VersionRow> for Stored {
    fn from(row: VersionRow) -> Self {
        Self { etag: row.etag.to_string(), count: row.sessions.unsigned_abs() }
    }
}

/// The fields of a key that the server reads.
#[derive(Deserialize)]
struct Header {
    first_message_index: UInt,
    forwarded_count: UInt,
    is_verified: bool,
    #[serde(rename = "session_data")]
    _session_data: BTreeMap<String, IgnoredAny>,
}

impl Crypto {
    /// Stores keys in the newest version; of two copies of a key, the conflict rules keep the better one.
    ///
    /// Refuses with `M_NOT_FOUND` (no such version), `M_WRONG_ROOM_KEYS_VERSION` (there is a newer one, named in
    /// `current_version`), `M_BAD_JSON`, `M_TOO_LARGE`, `M_USER_LIMIT_EXCEEDED` at the quota.
    ///
    /// Many keys are stored in several writes, so that others' writes come in between, and are acknowledged after the last.
    /// Keys do not depend on one another: of a request that is refused or breaks off, the first ones may be stored, and
    /// the same request again stores the others.
    #[boxed]
    pub async fn store_room_keys(&self, who: &Requester, version: &str, keys: Keys) -> Result<Stored> {
        let number = number(version)?;
        let mut rows = rows(keys)?.into_iter();
        loop {
            let piece = rows.by_ref().take(BACKUP_ROWS_PER_WRITE_MAX).collect();
            let stored = self.store_piece(who.user, number, piece).await?;
            if rows.len() == 0 {
                return Ok(stored.into());
            }
        }
    }

    async fn store_piece(&self, user: UserSn, number: i64, rows: Vec<BackupSessionRow>) -> Result<VersionRow> {
        let core = self.core.clone();
        let write = self.core.store.write("backup_keys_store", move |tx| {
            let mut version = writable(tx.tx(), user, number)?;
            let before = version.bytes;
            if put(tx, user, &mut version, &rows)? {
                version.etag += 1;
                backups::set_counts(tx.tx(), user, &version)?;
                // Smaller keys always pass, so that a user over the quota can get back under it.
                if version.bytes > before {
                    Quota::KeyBackupBytes.check(&core.config.quotas, tx.tx(), user, 0)?;
                }
            }
            Ok(version)
        });
        write.await
    }

    /// Reads keys of a version. Refuses with `M_NOT_FOUND` when the version does not exist.
    #[boxed]
    pub async fn room_keys(&self, who: &Requester, version: &str, scope: BackupScope) -> Result<Keys> {
        let (user, number) = (who.user, number(version)?);
        let read = self.core.store.read("backup_keys_get", move |tx| {
            existing(backups::get(tx.tx(), user, number)?)?;
            backups::sessions(tx.tx(), user, number, &scope)
        });
        let mut found = Keys::new();
        for row in read.await? {
            let raw =
                Raw::from_json_string(row.json).map_err(|error| Error::fault("reading a backed-up key", error))?;
            let room =
                RoomId::parse(row.room).map_err(|error| Error::fault("reading a backed-up key's room", error))?;
            found.entry(room).or_default().insert(row.session, raw);
        }
        Ok(found)
    }

    /// Deletes keys of a version. Refuses with `M_NOT_FOUND` when the version does not exist.
    ///
    /// Many keys are deleted in several writes. When it breaks off, some are left, and the same request again deletes
    /// those.
    #[boxed]
    pub async fn delete_room_keys(&self, who: &Requester, version: &str, scope: BackupScope) -> Result<Stored> {
        let (user, number) = (who.user, number(version)?);
        loop {
            let (version, is_done) = self.delete_piece(user, number, scope.clone()).await?;
            if is_done {
                return Ok(version.into());
            }
        }
    }

    /// Deletes as many keys as one write may. Returns whether all are deleted.
    pub(super) async fn delete_piece(
        &self,
        user: UserSn,
        number: i64,
        scope: BackupScope,
    ) -> Result<(VersionRow, bool)> {
        let write = self.core.store.write("backup_keys_delete", move |tx| {
            let mut version = existing(backups::get(tx.tx(), user, number)?)?;
            let most = BACKUP_ROWS_PER_WRITE_MAX;
            let (deleted, bytes) = backups::delete_sessions(tx.tx(), user, number, &scope, most)?;
            if deleted > 0 {
                version.etag += 1;
                version.sessions -= deleted.cast_signed();
                version.bytes = version.bytes.saturating_sub(bytes);
                backups::set_counts(tx.tx(), user, &version)?;
            }
            Ok((version, deleted < most as u64))
        });
        write.await
    }
}

/// Extracts the fields that decide conflicts from each key.
fn rows(keys: Keys) -> Result<Vec<BackupSessionRow>> {
    let mut rows = Vec::with_capacity(keys.values().map(BTreeMap::len).sum());
    for (room, sessions) in keys {
        for (session, raw) in sessions {
            rows.push(row(room.as_str(), session, &raw)?);
        }
    }
    Ok(rows)
}

fn row(room: &str, session: String, raw: &Raw<KeyBackupData>) -> Result<BackupSessionRow> {
    let json = raw.json().get();
    if json.len() > limits::BACKUP_SESSION_BYTES_MAX {
        return Err(refuse(Reason::TooLarge, format!("The key of session {session:?} is too large.")));
    }
    if session.is_empty() || session.len() > limits::ID_BYTES_MAX || session.contains('\0') {
        return Err(Error::bad_json("A session id is empty, too long, or has a NUL character."));
    }
    let header: Header = serde_json::from_str(json)
        .map_err(|error| Error::bad_json(format!("The key of session {session:?} cannot be read: {error}")))?;
    Ok(BackupSessionRow {
        room: room.to_owned(),
        session,
        first_index: header.first_message_index.into(),
        forwarded: header.forwarded_count.into(),
        verified: header.is_verified,
        json: json.to_owned(),
    })
}

/// Returns the version if it is the newest one.
fn writable(tx: &mut dyn Tx, user: UserSn, version: i64) -> Result<VersionRow> {
    let newest = existing(backups::newest(tx, user)?)?;
    if newest.version == version {
        return Ok(newest);
    }
    // An unknown version is `M_NOT_FOUND`, an older one `M_WRONG_ROOM_KEYS_VERSION`.
    existing(backups::get(tx, user, version)?)?;
    let message = format!("Keys go to the newest version of the backup, {}.", newest.version);
    let refusal = error::refusal(Reason::WrongRoomKeysVersion, message);
    Err(refusal.with("current_version", newest.version.to_string()).into())
}

/// Stores new and better keys. Returns whether anything changed.
fn put(tx: &mut WriteTx<'_>, user: UserSn, version: &mut VersionRow, rows: &[BackupSessionRow]) -> Result<bool> {
    let (mut changed, was_empty) = (false, version.sessions == 0);
    for row in rows {
        // The first upload of a long history is the largest, and has nothing to compare with.
        let old = match was_empty {
            true => None,
            false => backups::session(tx.tx(), user, version.version, &row.room, &row.session)?,
        };
        if old.as_ref().is_some_and(|old| !merge::replaces(row, old)) {
            continue;
        }
        backups::set_session(tx.tx(), user, version.version, row)?;
        version.sessions += i64::from(old.is_none());
        let freed = old.as_ref().map_or(0, |old| old.json.len()) as u64;
        version.bytes = (version.bytes + row.json.len() as u64).saturating_sub(freed);
        changed = true;
    }
    Ok(changed)
}
