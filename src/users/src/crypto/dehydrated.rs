//! Dehydrated devices (MSC3814): a device that receives to-device messages while its user has no device logged in. The
//! server stores its private keys encrypted, until a new login rehydrates it and reads the messages.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Position, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::devices::{self, DeviceRow};
use hearth_store::tables::{dehydrated, to_device};
use ruma::api::client::dehydrated_device::DehydratedDeviceData;
use ruma::events::AnyToDeviceEvent;
use ruma::serde::Raw;
use ruma::{DeviceId, OwnedDeviceId};

use super::signed::may_exist;
use super::{Crypto, keys};
use crate::devices::{check_name, purge};

/// A dehydrated device to upload.
#[derive(Debug)]
pub struct Dehydrated {
    /// The device ID.
    pub device_id: OwnedDeviceId,
    /// The display name.
    pub name: Option<String>,
    /// Its encrypted private keys (`device_data`).
    pub data: Raw<DehydratedDeviceData>,
    /// Its public keys.
    pub keys: keys::KeysUpload,
}

/// A page of a dehydrated device's messages.
#[derive(Debug)]
pub struct DehydratedMessages {
    /// The to-device messages, oldest first.
    pub events: Vec<Raw<AnyToDeviceEvent>>,
    /// Token of the next page.
    pub next_batch: String,
}

impl Crypto {
    /// Creates a dehydrated device and replaces an existing one.
    ///
    /// Refuses as [`Crypto::upload_keys`] does, and with `M_INVALID_PARAM` when an ordinary device has that ID.
    #[boxed]
    pub async fn dehydrate(&self, who: &Requester, upload: Dehydrated) -> Result<()> {
        if upload.data.json().get().len() > limits::DEHYDRATED_BYTES_MAX {
            return Err(refuse(Reason::TooLarge, "The device's data is too large."));
        }
        if upload.device_id.as_str().is_empty() || !may_exist(upload.device_id.as_str()) {
            return Err(Error::invalid("The device id is empty, too long, or has a NUL character."));
        }
        upload.name.as_deref().map_or(Ok(()), check_name)?;
        let Dehydrated { device_id, name, data, keys } = upload;
        let checked = self.checked(who, &device_id, keys).await?;
        let (core, user, now_ms) = (self.core.clone(), who.user, self.core.now_ms());
        let write = move |tx: &mut WriteTx<'_>| {
            // First, so that the new device may reuse the ID of the old one.
            remove(&core, tx, user)?;
            if devices::find(tx.tx(), user, device_id.as_str())?.is_some() {
                // This also rolls back the removal above.
                return Err(Error::invalid("One of your devices has that id already."));
            }
            let device = devices::insert(tx, user, device_id.as_str(), name.as_deref(), now_ms)?;
            dehydrated::set(tx.tx(), user, device, data.json().get())?;
            keys::store(&core, tx, user, device, &checked)
        };
        self.core.store.write("dehydrate", write).await
    }

    /// The user's dehydrated device and its encrypted private keys. Refuses with `M_NOT_FOUND`.
    #[boxed]
    pub async fn dehydrated(&self, who: &Requester) -> Result<(OwnedDeviceId, Raw<DehydratedDeviceData>)> {
        let user = who.user;
        let (row, data) = self.core.store.read("dehydrated_get", move |tx| existing(tx.tx(), user)).await?;
        let data = Raw::from_json_string(data).map_err(|error| Error::fault("reading a dehydrated device", error))?;
        Ok((row.id.into(), data))
    }

    /// Deletes the user's dehydrated device and returns its ID. Refuses with `M_NOT_FOUND`.
    #[boxed]
    pub async fn delete_dehydrated(&self, who: &Requester) -> Result<OwnedDeviceId> {
        let (core, user) = (self.core.clone(), who.user);
        let removed = self.core.store.write("dehydrated_delete", move |tx| remove(&core, tx, user)).await?;
        removed.map(|row| row.id.into()).ok_or_else(none)
    }

    /// The to-device messages of the dehydrated device. They stay until the device is deleted, so that a client that is
    /// interrupted during rehydration can start again.
    ///
    /// Refuses with `M_NOT_FOUND` when `device` is not the dehydrated device, `M_INVALID_PARAM` for an invalid token.
    #[boxed]
    pub async fn dehydrated_events(
        &self,
        who: &Requester,
        device: &DeviceId,
        from: Option<&str>,
    ) -> Result<DehydratedMessages> {
        let after = match from {
            Some(from) => {
                from.parse().map(Position).map_err(|_| Error::invalid("This is not a next_batch of this endpoint."))?
            }
            None => Position::ZERO,
        };
        let (user, device) = (who.user, device.to_owned());
        let read = self.core.store.read("dehydrated_events", move |tx| {
            let upto = tx.position();
            let (row, _) = existing(tx.tx(), user)?;
            if row.id != device.as_str() {
                return Err(none());
            }
            to_device::batch(tx.tx(), row.sn, after, upto, limits::TO_DEVICE_PER_SYNC_MAX)
        });
        let rows = read.await?;
        let next_batch = rows.last().map_or(after, |(at, _)| *at).to_string();
        let events = rows.into_iter().map(|(_, json)| Raw::from_json_string(json)).collect::<Result<_, _>>();
        Ok(DehydratedMessages {
            events: events.map_err(|error| Error::fault("reading a to-device message", error))?,
            next_batch,
        })
    }
}

fn none() -> Error {
    Error::not_found("You have no such dehydrated device.")
}

fn existing(tx: &mut dyn Tx, user: UserSn) -> Result<(DeviceRow, String)> {
    let (device, data) = dehydrated::get(tx, user)?.ok_or_else(none)?;
    Ok((devices::get(tx, device)?.ok_or_else(none)?, data))
}

/// Deletes the user's dehydrated device, if there is one.
fn remove(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn) -> Result<Option<DeviceRow>> {
    let Some((device, _)) = dehydrated::get(tx.tx(), user)? else { return Ok(None) };
    dehydrated::delete(tx.tx(), user, device)?;
    let Some(row) = devices::get(tx.tx(), device)? else { return Ok(None) };
    // The device never logged in, so it has no access tokens whose sessions must end.
    purge::purge(core, tx, user, std::slice::from_ref(&row))?;
    Ok(Some(row))
}
