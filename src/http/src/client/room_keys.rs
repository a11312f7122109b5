//! Key backups: their versions, and the room keys in them by backup, room and session.

use std::collections::BTreeMap;

use hearth_base::{Error, Result, limits};
use hearth_domain::crypto::backup::{BackupScope, Keys};
use ruma::UInt;
use ruma::api::client::backup::{
    RoomKeyBackup, add_backup_keys, add_backup_keys_for_room, add_backup_keys_for_session, create_backup_version,
    delete_backup_keys, delete_backup_keys_for_room, delete_backup_keys_for_session, delete_backup_version,
    get_backup_info, get_backup_keys, get_backup_keys_for_room, get_backup_keys_for_session, get_latest_backup_info,
    update_backup_version,
};

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let keys = |endpoint: Endpoint| endpoint.body_bytes_max(limits::KEYS_BODY_BYTES_MAX).rate(Rate::KeyBackup);
    vec![
        keys(Endpoint::new(create)).all_but_locked(),
        keys(Endpoint::new(newest)).all_but_locked(),
        keys(Endpoint::new(version)).all_but_locked(),
        keys(Endpoint::new(update)).all_but_locked(),
        keys(Endpoint::new(delete)).all_but_locked(),
        keys(Endpoint::new(put_all)).all_but_locked(),
        keys(Endpoint::new(put_room)).all_but_locked(),
        keys(Endpoint::new(put_session)).all_but_locked(),
        keys(Endpoint::new(get_all)).all_but_locked(),
        keys(Endpoint::new(get_room)).all_but_locked(),
        keys(Endpoint::new(get_session)).all_but_locked(),
        keys(Endpoint::new(delete_all)).all_but_locked(),
        keys(Endpoint::new(delete_room)).all_but_locked(),
        keys(Endpoint::new(delete_session)).all_but_locked(),
    ]
}

async fn create(
    app: App,
    request: Ruma<create_backup_version::v3::Request>,
) -> Result<create_backup_version::v3::Response> {
    let version = app.domain.crypto.create_backup(request.user()?, &request.algorithm).await?;
    Ok(create_backup_version::v3::Response::new(version))
}

async fn newest(
    app: App,
    request: Ruma<get_latest_backup_info::v3::Request>,
) -> Result<get_latest_backup_info::v3::Response> {
    let found = app.domain.crypto.backup(request.user()?, None).await?;
    let count = UInt::new_saturating(found.count);
    Ok(get_latest_backup_info::v3::Response::new(found.algorithm, count, found.etag, found.version))
}

async fn version(app: App, request: Ruma<get_backup_info::v3::Request>) -> Result<get_backup_info::v3::Response> {
    let found = app.domain.crypto.backup(request.user()?, Some(&request.version)).await?;
    let count = UInt::new_saturating(found.count);
    Ok(get_backup_info::v3::Response::new(found.algorithm, count, found.etag, found.version))
}

async fn update(
    app: App,
    request: Ruma<update_backup_version::v3::Request>,
) -> Result<update_backup_version::v3::Response> {
    app.domain.crypto.update_backup(request.user()?, &request.version, &request.algorithm).await?;
    Ok(update_backup_version::v3::Response::new())
}

async fn delete(
    app: App,
    request: Ruma<delete_backup_version::v3::Request>,
) -> Result<delete_backup_version::v3::Response> {
    app.domain.crypto.delete_backup(request.user()?, &request.version).await?;
    Ok(delete_backup_version::v3::Response::new())
}

async fn put_all(app: App, request: Ruma<add_backup_keys::v3::Request>) -> Result<add_backup_keys::v3::Response> {
    let who = request.user()?.clone();
    let keys = request.body.rooms.into_iter().map(|(room, backup)| (room, backup.sessions)).collect();
    let stored = app.domain.crypto.store_room_keys(&who, &request.body.version, keys).await?;
    Ok(add_backup_keys::v3::Response::new(stored.etag, UInt::new_saturating(stored.count)))
}

async fn put_room(
    app: App,
    request: Ruma<add_backup_keys_for_room::v3::Request>,
) -> Result<add_backup_keys_for_room::v3::Response> {
    let who = request.user()?.clone();
    let keys = Keys::from([(request.body.room_id, request.body.sessions)]);
    let stored = app.domain.crypto.store_room_keys(&who, &request.body.version, keys).await?;
    Ok(add_backup_keys_for_room::v3::Response::new(stored.etag, UInt::new_saturating(stored.count)))
}

async fn put_session(
    app: App,
    request: Ruma<add_backup_keys_for_session::v3::Request>,
) -> Result<add_backup_keys_for_session::v3::Response> {
    let who = request.user()?.clone();
    let session = BTreeMap::from([(request.body.session_id, request.body.session_data)]);
    let keys = Keys::from([(request.body.room_id, session)]);
    let stored = app.domain.crypto.store_room_keys(&who, &request.body.version, keys).await?;
    Ok(add_backup_keys_for_session::v3::Response::new(stored.etag, UInt::new_saturating(stored.count)))
}

async fn get_all(app: App, request: Ruma<get_backup_keys::v3::Request>) -> Result<get_backup_keys::v3::Response> {
    let keys = app.domain.crypto.room_keys(request.user()?, &request.version, BackupScope::All).await?;
    let rooms = keys.into_iter().map(|(room, sessions)| (room, RoomKeyBackup::new(sessions))).collect();
    Ok(get_backup_keys::v3::Response::new(rooms))
}

async fn get_room(
    app: App,
    request: Ruma<get_backup_keys_for_room::v3::Request>,
) -> Result<get_backup_keys_for_room::v3::Response> {
    let scope = BackupScope::Room(request.room_id.to_string());
    let mut keys = app.domain.crypto.room_keys(request.user()?, &request.version, scope).await?;
    Ok(get_backup_keys_for_room::v3::Response::new(keys.remove(&request.room_id).unwrap_or_default()))
}

async fn get_session(
    app: App,
    request: Ruma<get_backup_keys_for_session::v3::Request>,
) -> Result<get_backup_keys_for_session::v3::Response> {
    let scope = BackupScope::Session(request.room_id.to_string(), request.session_id.clone());
    let keys = app.domain.crypto.room_keys(request.user()?, &request.version, scope).await?;
    let found = keys.into_values().flat_map(BTreeMap::into_values).next();
    let found = found.ok_or_else(|| Error::not_found("The backup does not hold this room key."))?;
    Ok(get_backup_keys_for_session::v3::Response::new(found))
}

async fn delete_all(
    app: App,
    request: Ruma<delete_backup_keys::v3::Request>,
) -> Result<delete_backup_keys::v3::Response> {
    let left = app.domain.crypto.delete_room_keys(request.user()?, &request.version, BackupScope::All).await?;
    Ok(delete_backup_keys::v3::Response::new(left.etag, UInt::new_saturating(left.count)))
}

async fn delete_room(
    app: App,
    request: Ruma<delete_backup_keys_for_room::v3::Request>,
) -> Result<delete_backup_keys_for_room::v3::Response> {
    let scope = BackupScope::Room(request.room_id.to_string());
    let left = app.domain.crypto.delete_room_keys(request.user()?, &request.version, scope).await?;
    Ok(delete_backup_keys_for_room::v3::Response::new(left.etag, UInt::new_saturating(left.count)))
}

async fn delete_session(
    app: App,
    request: Ruma<delete_backup_keys_for_session::v3::Request>,
) -> Result<delete_backup_keys_for_session::v3::Response> {
    let scope = BackupScope::Session(request.room_id.to_string(), request.session_id.clone());
    let left = app.domain.crypto.delete_room_keys(request.user()?, &request.version, scope).await?;
    Ok(delete_backup_keys_for_session::v3::Response::new(left.etag, UInt::new_saturating(left.count)))
}
