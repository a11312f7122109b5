//! Upload of cross-signing keys (`/keys/device_signing/upload`).

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::cross_signing::{self, CrossSigningRow, KeyKind};
use hearth_store::tables::{device_keys, devices};
use ruma::encryption::CrossSigningKey;
use ruma::serde::Raw;

use super::check::{self, UncheckedKey};
use crate::crypto::Crypto;
use crate::crypto::announce::{Changed, announce};
use crate::crypto::signed::{self, ED25519};

/// The keys of an upload.
#[derive(Debug, Clone, Default)]
pub struct CrossSigningUpload {
    /// The master key.
    pub master: Option<Raw<CrossSigningKey>>,
    /// The self-signing key, signed by the master key.
    pub self_signing: Option<Raw<CrossSigningKey>>,
    /// The user-signing key, signed by the master key.
    pub user_signing: Option<Raw<CrossSigningKey>>,
}

/// The result of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum CrossSigningOutcome {
    /// The keys are stored, or were already.
    Stored,
    /// Nothing changed: the upload would replace keys, which requires user-interactive authentication.
    NeedsAuthentication,
}

impl Crypto {
    /// Stores cross-signing keys. The first keys, and an upload of the same keys, need only an access token; replacing
    /// keys needs `authenticated`.
    ///
    /// Refuses with `M_MISSING_PARAM` (no master key), `M_INVALID_PARAM`, `M_BAD_JSON`, `M_TOO_LARGE`,
    /// `M_INVALID_SIGNATURE`.
    #[boxed]
    pub async fn upload_cross_signing(
        &self,
        who: &Requester,
        upload: CrossSigningUpload,
        authenticated: bool,
    ) -> Result<CrossSigningOutcome> {
        let read =
            |raw: Option<Raw<CrossSigningKey>>, kind| raw.map(|raw| check::key(raw.json().get(), &who.user_id, kind));
        let candidates = [
            read(upload.master, KeyKind::Master),
            read(upload.self_signing, KeyKind::SelfSigning),
            read(upload.user_signing, KeyKind::UserSigning),
        ];
        // Report a malformed key only after authentication, so that valid and malformed uploads both ask for it.
        let candidates: Result<Vec<UncheckedKey>> = candidates.into_iter().flatten().collect();
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| upload_keys(&core, tx, &who, candidates, authenticated);
        self.core.store.write("cross_signing_upload", write).await
    }
}

fn upload_keys(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    who: &Requester,
    candidates: Result<Vec<UncheckedKey>>,
    authenticated: bool,
) -> Result<CrossSigningOutcome> {
    let stored = cross_signing::of_user(tx.tx(), who.user)?;
    let is_stored = |new: &UncheckedKey| stored.iter().any(|(kind, row)| *kind == new.kind && *row == new.row);
    if candidates.as_ref().is_ok_and(|candidates| candidates.iter().all(is_stored)) {
        return Ok(CrossSigningOutcome::Stored);
    }
    let stored_master = stored.into_iter().find(|(kind, _)| *kind == KeyKind::Master).map(|(_, row)| row);
    if stored_master.is_some() && !authenticated {
        return Ok(CrossSigningOutcome::NeedsAuthentication);
    }
    let candidates = candidates?;
    let new_master = candidates.iter().find(|new| new.kind == KeyKind::Master).map(|new| new.row.public.clone());
    let is_new = new_master.is_some() && new_master != stored_master.as_ref().map(|row| row.public.clone());
    let master = new_master.or(stored_master.map(|row| row.public)).ok_or_else(|| {
        refuse(
            Reason::MissingParam,
            "There is no master key yet that could vouch for these: upload master_key as well.",
        )
    })?;
    for new in &candidates {
        check_candidate(tx.tx(), who, new, &master)?;
    }
    for new in &candidates {
        replace(tx, who, new)?;
    }
    if is_new {
        drop_unvouched(tx, who, &candidates)?;
    }
    announce(core, tx, who.user, Changed::Identity)?;
    Ok(CrossSigningOutcome::Stored)
}

/// The master key must sign the other two. No key may have the name of a device.
fn check_candidate(tx: &mut dyn Tx, who: &Requester, new: &UncheckedKey, master: &str) -> Result<()> {
    if new.kind != KeyKind::Master {
        signed::check(&new.object, &who.user_id, master, master)?;
    }
    if devices::find(tx, who.user, &new.row.public)?.is_some() {
        return Err(Error::invalid("A cross-signing key must not be named like one of your devices."));
    }
    Ok(())
}

/// Stores a key. Deletes the signatures on and by the key that it replaces: they are no longer valid.
fn replace(tx: &mut WriteTx<'_>, who: &Requester, new: &UncheckedKey) -> Result<()> {
    if let Some(old) = cross_signing::get(tx.tx(), who.user, new.kind)?.filter(|old| old.public != new.row.public) {
        forget_signatures(tx, who, &old)?;
    }
    cross_signing::set(tx.tx(), who.user, new.kind, &new.row)
}

fn forget_signatures(tx: &mut WriteTx<'_>, who: &Requester, old: &CrossSigningRow) -> Result<()> {
    device_keys::delete_signatures(tx.tx(), who.user, &old.public)?;
    device_keys::delete_own_signatures(tx.tx(), who.user, &format!("{ED25519}{}", old.public))
}

/// After a change of the master key, deletes keys that are not in the upload: the new master key has not signed them.
fn drop_unvouched(tx: &mut WriteTx<'_>, who: &Requester, candidates: &[UncheckedKey]) -> Result<()> {
    for kind in [KeyKind::SelfSigning, KeyKind::UserSigning] {
        if candidates.iter().any(|new| new.kind == kind) {
            continue;
        }
        if let Some(old) = cross_signing::get(tx.tx(), who.user, kind)? {
            forget_signatures(tx, who, &old)?;
            cross_signing::delete(tx.tx(), who.user, kind)?;
        }
    }
    Ok(())
}
