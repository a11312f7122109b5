//! Upload of device keys (`/keys/upload`).

use hearth_base::boxed;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::{device_keys, devices, one_time_keys};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::encryption::{DeviceKeys, OneTimeKey};
use ruma::serde::Raw;
use ruma::{DeviceId, OneTimeKeyAlgorithm, OwnedOneTimeKeyId, UInt};

use super::check::{self, AlgorithmKey, CheckedUpload, UploadOwner};
use super::counts;
use crate::crypto::Crypto;
use crate::crypto::announce::{Changed, announce};
use crate::crypto::signed;

/// The keys of an upload.
#[derive(Debug, Default)]
pub struct KeysUpload {
    /// The device's identity keys.
    pub device_keys: Option<Raw<DeviceKeys>>,
    /// One-time keys to add.
    pub one_time_keys: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
    /// Fallback keys; each replaces the previous one of its algorithm.
    pub fallback_keys: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
}

impl Crypto {
    /// Stores keys of the requester's device and returns the number of one-time keys by algorithm. Uploading the same
    /// key again is allowed.
    ///
    /// Refuses with `M_BAD_JSON`, `M_TOO_LARGE`, `M_INVALID_PARAM` (too many), `M_INVALID_SIGNATURE` when the device's own
    /// signature on a key is wrong, and `M_UNKNOWN` when another key has the one-time key's ID.
    #[boxed]
    pub async fn upload_keys(
        &self,
        who: &Requester,
        upload: KeysUpload,
    ) -> Result<BTreeMap<OneTimeKeyAlgorithm, UInt>> {
        who.must_have_device()?;
        let (user, device) = (who.user, who.device);
        let nothing =
            upload.device_keys.is_none() && upload.one_time_keys.is_empty() && upload.fallback_keys.is_empty();
        if nothing {
            // Clients send an empty upload to read the counts: no write is needed.
            return self.core.store.read("keys_of_device", move |tx| counts(tx.tx(), device)).await;
        }
        let checked = self.checked(who, &who.device_id, upload).await?;
        let core = self.core.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            store(&core, tx, user, device, &checked)?;
            counts(tx.tx(), device)
        };
        self.core.store.write("keys_upload", write).await
    }
}

impl Crypto {
    /// Validates an upload for a device of the requester, signatures included, on a thread that may take its time.
    pub(in crate::crypto) async fn checked(
        &self,
        who: &Requester,
        device: &DeviceId,
        upload: KeysUpload,
    ) -> Result<CheckedUpload> {
        let stored = match &upload.device_keys {
            Some(_) => None,
            // An identity that is replaced at the same time makes the one-time keys useless anyhow, and clears them.
            None => {
                let (user, sn) = (who.user, who.device);
                self.core.store.read("keys_of_device", move |tx| device_keys::get(tx.tx(), user, sn)).await?
            }
        };
        let (user_id, device) = (who.user_id.clone(), device.to_owned());
        let checking = tokio::task::spawn_blocking(move || {
            let owner = UploadOwner { user: &user_id, device: &device };
            let checked = CheckedUpload::new(&upload, owner)?;
            checked.verify(stored.as_deref(), owner)?;
            Ok(checked)
        });
        checking.await.map_err(|error| Error::fault("checking uploaded keys", error))?
    }
}

/// Stores validated keys of a device.
pub(in crate::crypto) fn store(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    user: UserSn,
    device: DeviceSn,
    checked: &CheckedUpload,
) -> Result<()> {
    // The device may have logged out meanwhile; a later device with the same name would inherit its keys.
    let Some(row) = devices::get(tx.tx(), device)? else {
        return Err(refuse(Reason::UnknownToken { soft_logout: false }, "This device has been logged out."));
    };
    if let Some(keys) = &checked.device_keys {
        let old = device_keys::get(tx.tx(), user, device)?;
        if old.as_ref() != Some(&keys.json) {
            if old.is_some_and(|old| is_other_identity(&old, &keys.keys)) {
                // Delete what the old identity signed, and signatures on it: recipients would fail to verify them.
                one_time_keys::clear(tx.tx(), device)?;
                device_keys::delete_signatures(tx.tx(), user, &row.id)?;
            }
            device_keys::set(tx.tx(), user, device, &keys.json)?;
            announce(core, tx, user, Changed::Devices(&[row.id]))?;
        }
    }
    add_one_time(tx, device, &checked.one_time)?;
    for (algorithm, key) in &checked.fallback {
        one_time_keys::set_fallback(tx.tx(), device, algorithm, key)?;
    }
    if !checked.fallback.is_empty()
        && one_time_keys::fallbacks(tx.tx(), device)? > limits::FALLBACK_KEYS_PER_DEVICE_MAX as u64
    {
        return Err(Error::invalid("This device has fallback keys for too many algorithms."));
    }
    Ok(())
}

fn is_other_identity(old: &str, keys: &CanonicalJsonObject) -> bool {
    let old: Option<CanonicalJsonObject> = serde_json::from_str(old).ok();
    old.as_ref().and_then(|old| signed::nested(old, "keys")) != Some(keys)
}

fn add_one_time(tx: &mut WriteTx<'_>, device: DeviceSn, keys: &[AlgorithmKey]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let there: u64 = one_time_keys::counts(tx.tx(), device)?.iter().map(|(_, count)| count).sum();
    let (mut count, at) = (there, tx.position());
    for (algorithm, key) in keys {
        match one_time_keys::get(tx.tx(), device, algorithm, &key.key_id)? {
            Some(old) if check::is_same_key(&old, &key.json) => {}
            Some(old) => {
                // Clients match this exact message: it tells them that their key state is out of step.
                let id = format!("{algorithm}:{}", key.key_id);
                let message = format!("One time key {id} already exists. Old key: {old}; new key: {}", key.json);
                return Err(refuse(Reason::Unknown, message));
            }
            None => {
                one_time_keys::insert(tx.tx(), device, algorithm, key, at)?;
                count += 1;
            }
        }
    }
    if count > limits::ONE_TIME_KEYS_PER_DEVICE_MAX as u64 {
        return Err(check::too_many());
    }
    Ok(())
}
