//! Signatures on devices and master keys (`/keys/signatures/upload`).
//!
//! A user signs three things: their own devices with their self-signing key, their own master key with a device, and
//! the master keys of other users with their user-signing key. The server refuses every other item individually.

use hearth_base::boxed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hearth_base::limits::users::SIGNATURES_PER_WRITE_MAX;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::cross_signing::{self, KeyKind};
use hearth_store::tables::{device_keys, devices, users};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedUserId, UserId};

use crate::crypto::announce::{Changed, announce};
use crate::crypto::signed::{self, ED25519};
use crate::crypto::{Crypto, device_lists};

/// Signed keys as JSON, by owner, then by device ID or public key.
pub type SignedKeys = BTreeMap<OwnedUserId, BTreeMap<String, String>>;

/// The refused items with their errors.
pub type Failed = BTreeMap<OwnedUserId, BTreeMap<String, Error>>;

/// A verified signature.
struct Good {
    target: UserSn,
    item: String,
    is_device: bool,
    key_id: String,
    signature: String,
    /// The signed payload, to detect that the stored key changed meanwhile.
    payload: String,
}

impl Crypto {
    /// Stores valid signatures; returns the items that are invalid. Many take several writes: they do not depend on one
    /// another, and the same request again stores the rest.
    ///
    /// Refuses with `M_INVALID_PARAM` when there are too many.
    #[boxed]
    pub async fn upload_signatures(&self, who: &Requester, keys: SignedKeys) -> Result<Failed> {
        if keys.values().map(BTreeMap::len).sum::<usize>() > limits::SIGNED_KEYS_MAX {
            return Err(Error::invalid(format!("Sign at most {} keys at a time.", limits::SIGNED_KEYS_MAX)));
        }
        // Verify in a reader, because verification is slow and there is one writer; the writer only compares payloads.
        let requester = who.clone();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| check_all(tx.tx(), &requester, keys);
        let (good, failed) = self.core.store.read("signatures_check", read).await?;
        let mut good = good.into_iter();
        while good.len() > 0 {
            let piece: Vec<Good> = good.by_ref().take(SIGNATURES_PER_WRITE_MAX).collect();
            let (core, signer) = (self.core.clone(), who.user);
            self.core.store.write("signatures_upload", move |tx| keep(&core, tx, signer, &piece)).await?;
        }
        Ok(failed)
    }
}

fn check_all(tx: &mut dyn Tx, who: &Requester, keys: SignedKeys) -> Result<(Vec<Good>, Failed)> {
    let (mut good, mut failed) = (Vec::new(), Failed::new());
    for (owner, items) in keys {
        for (item, json) in items {
            match check(tx, who, &owner, &item, &json) {
                Ok(found) => good.extend(found),
                // A fault of the server fails the request; a refusal concerns its item only.
                Err(Error::Fault(fault)) => return Err(fault.into()),
                Err(refusal) => {
                    failed.entry(owner.clone()).or_default().insert(item, refusal);
                }
            }
        }
    }
    Ok((good, failed))
}

/// The valid signatures of the requester on one item.
fn check(tx: &mut dyn Tx, who: &Requester, owner: &UserId, item: &str, json: &str) -> Result<Vec<Good>> {
    let object = signed::object(json, limits::IDENTITY_KEY_BYTES_MAX, "signed key")?;
    let target = users::find(tx, owner.as_str())?.ok_or_else(unknown)?;
    let stored = if signed::may_exist(item) { stored(tx, target, item)? } else { None };
    let stored = stored.ok_or_else(unknown)?;
    let payload = signed::payload(&object)?;
    if payload != stored {
        return Err(Error::invalid("What is signed is not what this server has: ask for the key again, then sign it."));
    }
    let is_device = devices::find(tx, target, item)?.is_some();
    let signers = match (target == who.user, is_device) {
        (true, true) => own_key(tx, who, KeyKind::SelfSigning)?,
        (true, false) => own_devices(tx, who, &object)?,
        (false, true) => return Err(Error::invalid("You can sign only your own devices.")),
        (false, false) => own_key(tx, who, KeyKind::UserSigning)?,
    };
    let mut good = Vec::with_capacity(signers.len());
    for (name, public) in signers {
        signed::check(&object, &who.user_id, &name, &public)?;
        let key_id = format!("{ED25519}{name}");
        let signature = signed::signature(&object, &who.user_id, &key_id).unwrap_or_default().to_owned();
        good.push(Good { target, item: item.to_owned(), is_device, key_id, signature, payload: payload.clone() });
    }
    Ok(good)
}

fn unknown() -> Error {
    Error::not_found("This server knows no such key.")
}

/// The payload of a stored device key or master key.
fn stored(tx: &mut dyn Tx, owner: UserSn, item: &str) -> Result<Option<String>> {
    let json = match devices::find(tx, owner, item)? {
        Some(device) => device_keys::get(tx, owner, device.sn)?,
        None => cross_signing::get(tx, owner, KeyKind::Master)?.filter(|row| row.public == item).map(|row| row.json),
    };
    let Some(json) = json else { return Ok(None) };
    let object = serde_json::from_str(&json).map_err(|error| Error::fault("reading a stored key", error))?;
    signed::payload(&object).map(Some)
}

/// The requester's cross-signing key that must have signed.
fn own_key(tx: &mut dyn Tx, who: &Requester, kind: KeyKind) -> Result<Vec<(String, String)>> {
    let row = cross_signing::get(tx, who.user, kind)?;
    let row = row.ok_or_else(|| Error::not_found(format!("You have no {} key to sign with.", kind.name())))?;
    Ok(vec![(row.public.clone(), row.public)])
}

/// The requester's devices that signed, with their keys.
fn own_devices(tx: &mut dyn Tx, who: &Requester, object: &CanonicalJsonObject) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for (_, json) in device_keys::of_user(tx, who.user)? {
        let keys: CanonicalJsonObject =
            serde_json::from_str(&json).map_err(|error| Error::fault("reading stored device keys", error))?;
        let Some(device) = signed::text(&keys, "device_id") else { continue };
        let key_id = format!("{ED25519}{device}");
        let public = signed::nested(&keys, "keys").and_then(|keys| signed::text(keys, &key_id));
        if let Some(public) = public
            && signed::signature(object, &who.user_id, &key_id).is_some()
        {
            found.push((device.to_owned(), public.to_owned()));
        }
    }
    if found.is_empty() {
        return Err(refuse(Reason::InvalidSignature, "None of your devices has signed this."));
    }
    Ok(found)
}

/// Stores signatures on items that have not changed since verification, and notifies the users who may see them.
fn keep(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, signer: UserSn, good: &[Good]) -> Result<()> {
    let (mut own_devices, mut own_master, mut others) = (BTreeSet::new(), false, BTreeSet::new());
    for Good { target, item, is_device, key_id, signature, payload } in good {
        // The key was replaced since the check, so the signature is on something else.
        if stored(tx.tx(), *target, item)?.as_ref() != Some(payload) {
            continue;
        }
        device_keys::add_signature(tx.tx(), *target, item, signer, key_id, signature)?;
        match (*target == signer, is_device) {
            (true, true) => _ = own_devices.insert(item.clone()),
            (true, false) => own_master = true,
            (false, _) => _ = others.insert(*target),
        }
    }
    if !own_devices.is_empty() {
        let devices: Vec<String> = own_devices.into_iter().collect();
        announce(core, tx, signer, Changed::Devices(&devices))?;
    }
    if own_master {
        announce(core, tx, signer, Changed::Identity)?;
    }
    others.into_iter().try_for_each(|target| device_lists::signed(core, tx, signer, target))
}
