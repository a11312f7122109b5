//! One-time key claims (`/keys/claim`), with which an encrypted session starts.

use hearth_base::boxed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hearth_base::limits::users::CLAIMS_PER_WRITE_MAX;
use hearth_base::{Error, Result, limits};
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::one_time_keys::{self, KeyRow};
use hearth_store::tables::{devices, users};
use ruma::encryption::OneTimeKey;
use ruma::serde::Raw;
use ruma::{OneTimeKeyAlgorithm, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId};

use crate::crypto::remote::KeyFailures;
use crate::crypto::signed::may_exist;
use crate::crypto::{Crypto, LocalKeys};

/// The requested algorithm by user and device.
pub type KeyClaims = BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, OneTimeKeyAlgorithm>>;

/// Keys by user and device.
pub type ClaimedKeys = BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>>>;

/// The result of a claim.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The keys; devices without any are missing.
    pub keys: ClaimedKeys,
    /// Servers that could not be reached.
    pub failures: KeyFailures,
}

impl LocalKeys {
    /// Claims one-time keys of local devices, see [`Crypto::claim_keys_for_server`].
    #[boxed]
    pub async fn claim_keys(&self, claims: KeyClaims) -> Result<ClaimedKeys> {
        self.claim_keys_for_server(claims).await
    }
}

impl Crypto {
    /// `POST /user/keys/claim`: claims a one-time key of each local device, or its fallback key when none is left. All of
    /// them are on disk before any key is returned, so that no key is given out twice, even after a crash.
    ///
    /// Claims of many devices take several writes. When it breaks off, keys are used up that no client has got, as when
    /// a response is lost.
    ///
    /// Refuses with `M_INVALID_PARAM` for too many devices.
    #[boxed]
    pub async fn claim_keys_for_server(&self, claims: KeyClaims) -> Result<ClaimedKeys> {
        if claims.values().map(BTreeMap::len).sum::<usize>() > limits::KEYS_QUERY_USERS_MAX {
            let message = format!("Claim keys of at most {} devices at a time.", limits::KEYS_QUERY_USERS_MAX);
            return Err(Error::invalid(message));
        }
        // The caller asks other servers for the keys of their users.
        let claims: KeyClaims = claims.into_iter().filter(|(user, _)| self.core.is_local(user)).collect();
        if claims.is_empty() {
            return Ok(ClaimedKeys::new());
        }
        let mut claimed = ClaimedKeys::new();
        for piece in pieces(claims) {
            let core = self.core.clone();
            for (user, keys) in self.core.store.write("keys_claim", move |tx| claim(&core, tx, &piece)).await? {
                claimed.entry(user).or_default().extend(keys);
            }
        }
        Ok(claimed)
    }
}

/// Splits claims into those of one write each.
fn pieces(claims: KeyClaims) -> Vec<KeyClaims> {
    let (mut pieces, mut count) = (vec![KeyClaims::new()], 0);
    for (user, devices) in claims {
        for (device, algorithm) in devices {
            if count == CLAIMS_PER_WRITE_MAX {
                pieces.push(KeyClaims::new());
                count = 0;
            }
            count += 1;
            if let Some(piece) = pieces.last_mut() {
                piece.entry(user.clone()).or_default().insert(device, algorithm);
            }
        }
    }
    pieces
}

/// Claims keys of local users and wakes the owners: their clients then upload new keys.
fn claim(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, claims: &KeyClaims) -> Result<ClaimedKeys> {
    let (mut claimed, mut concerned) = (ClaimedKeys::new(), BTreeSet::<UserSn>::new());
    for (user_id, of_user) in claims {
        let Some(user) = users::find(tx.tx(), user_id.as_str())? else { continue };
        let of_user = of_user.iter().filter(|(id, algorithm)| may_exist(id.as_str()) && may_exist(algorithm.as_str()));
        for (device_id, algorithm) in of_user {
            let Some(device) = devices::find(tx.tx(), user, device_id.as_str())? else { continue };
            let Some((key, news)) = take(tx, device.sn, algorithm.as_ref())? else { continue };
            if news {
                concerned.insert(user);
            }
            let id = OwnedOneTimeKeyId::try_from(format!("{algorithm}:{}", key.key_id))
                .map_err(|error| Error::fault("reading a stored key's id", error))?;
            let raw = Raw::from_json_string(key.json).map_err(|error| Error::fault("reading a stored key", error))?;
            claimed.entry(user_id.clone()).or_default().entry(device_id.clone()).or_default().insert(id, raw);
        }
    }
    let (core, at) = (core.clone(), tx.position());
    tx.after_commit(move || core.notifier.wake(&concerned.into_iter().collect::<Vec<_>>(), at));
    Ok(claimed)
}

/// Takes a key of a device. Also returns whether the owner must be woken: a fallback key that is reused changes
/// nothing.
fn take(tx: &mut WriteTx<'_>, device: DeviceSn, algorithm: &str) -> Result<Option<(KeyRow, bool)>> {
    if let Some(key) = one_time_keys::take(tx.tx(), device, algorithm)? {
        return Ok(Some((key, true)));
    }
    one_time_keys::use_fallback(tx.tx(), device, algorithm)
}
