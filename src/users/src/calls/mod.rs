//! Calls (client-server API, "Voice over IP"): the TURN relay that clients need when they cannot reach each other
//! directly. Call signalling uses ordinary events.
//!
//! The relay itself is the crate `turn`, which the composition root runs; this module decides who may use it (`keeper`)
//! and reports on it.

mod check;
mod keeper;
#[cfg(test)]
mod tests;
mod view;

use hearth_base::boxed;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use hearth_base::Result;
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::tables::{accounts as table, users};
use hearth_turn::{Authority, Credentials, Refusal, Running, credentials};
use ruma::UserId;

pub use check::TransportCheck;
use keeper::Keeper;
pub use view::{Absence, RelayView};

/// The calls use cases.
#[derive(Debug)]
pub struct Calls {
    core: Arc<RoomCore>,
    keeper: Arc<Keeper>,
    own: OnceLock<OwnRelay>,
    /// Why the built-in relay failed to start.
    failure: OnceLock<String>,
}

/// A relay with credentials for it.
#[derive(Debug, Clone)]
pub struct Relay {
    /// `turn:` and `stun:` URIs.
    pub uris: Vec<String>,
    /// The credentials.
    pub credentials: Credentials,
    /// Lifetime of the credentials in milliseconds.
    pub lifetime_ms: u64,
}

/// The relay that runs in this process.
#[derive(Debug)]
pub struct OwnRelay {
    /// Its handle.
    pub running: Arc<Running>,
    /// Its URIs for clients.
    pub uris: Vec<String>,
}

impl OwnRelay {
    /// Whether the relay has a public address: without one it refuses every allocation.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        let external_address = self.running.external_address();
        external_address.v4.is_some() || external_address.v6.is_some()
    }

    /// Counts of refused requests since the start, by reason.
    #[must_use]
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counters = self.running.counters();
        Refusal::ALL.iter().map(|why| (why.label(), counters.refused(*why))).collect()
    }
}

impl Calls {
    /// Creates the service.
    #[must_use]
    pub fn new(core: Arc<RoomCore>) -> Self {
        let keeper = Arc::new(Keeper::new(Arc::clone(&core)));
        Self { core, keeper, own: OnceLock::new(), failure: OnceLock::new() }
    }

    /// The credential check of the built-in relay.
    #[must_use]
    pub fn authority(&self) -> Arc<dyn Authority> {
        Arc::clone(&self.keeper) as Arc<dyn Authority>
    }

    /// Registers the running relay. Called once, by the composition root.
    pub fn runs(&self, own: OwnRelay) {
        // A second relay is a bug in the composition root; keep the first one.
        let _ = self.own.set(own);
    }

    /// Records why the built-in relay failed to start.
    pub fn cannot_run(&self, error: &dyn std::fmt::Display) {
        let _ = self.failure.set(error.to_string());
    }

    /// The relay that runs in this process.
    #[must_use]
    pub fn own(&self) -> Option<&OwnRelay> {
        self.own.get()
    }

    /// The relay for a user; `None` when there is none. A configured relay takes precedence over the built-in one.
    #[must_use]
    pub fn relay(&self, who: &Requester) -> Option<Relay> {
        let turn = &self.core.config.turn;
        let lifetime_ms = turn.credential_lifetime_ms;
        if turn.uris.is_empty() {
            let own = self.own.get().filter(|own| own.is_reachable())?;
            let credentials = self.own_credentials(&who.user_id);
            return Some(Relay { uris: own.uris.clone(), credentials, lifetime_ms });
        }
        let secret = turn.shared_secret.as_ref()?;
        let credentials = credentials::mint(secret.reveal().as_bytes(), who.user_id.as_str(), self.expires_s());
        Some(Relay { uris: turn.uris.clone(), credentials, lifetime_ms })
    }

    /// Credentials of a user for the built-in relay.
    #[must_use]
    pub fn own_credentials(&self, user: &UserId) -> Credentials {
        credentials::mint(&self.keeper.secret(), user.as_str(), self.expires_s())
    }

    fn expires_s(&self) -> u64 {
        self.core.now_ms().saturating_add(self.core.config.turn.credential_lifetime_ms) / 1_000
    }

    /// Ends the calls of locked and deactivated users. Checks only users whose account status changed, who are on the
    /// relay, or whose access is revoked.
    #[boxed]
    pub async fn end_revoked(&self) -> Result<()> {
        let Some(own) = self.own.get() else { return Ok(()) };
        let using = own.running.users().into_iter().filter(|user| user.allocations > 0).map(|user| user.user);
        let mut looked_at: BTreeSet<String> = using.chain(self.keeper.revoked()).collect();
        // Users whose status changed may hold credentials without being on the relay yet.
        let changed = self.core.notifier.take_account_status_changes();
        if !changed.is_empty() {
            let names = self.core.store.read("relay_standings", move |tx| users::names(tx.tx(), changed));
            looked_at.extend(names.await?);
        }
        for user in looked_at.into_iter().filter(|user| user != check::CHECKER) {
            let id = user.clone();
            let account = self.core.store.read("relay_user", move |tx| match users::find(tx.tx(), &id)? {
                Some(user) => table::get(tx.tx(), user),
                None => Ok(None),
            });
            let may = account.await?.is_some_and(|it| it.deactivated_ms.is_none() && !it.is(table::LOCKED));
            if self.keeper.revoke(&user, !may) {
                let running = Arc::clone(&own.running);
                // This call waits for the relay's threads, so it runs on a blocking thread.
                let ended = tokio::task::spawn_blocking(move || running.disconnect_user(&user)).await.unwrap_or(0);
                tracing::info!(
                    relay.allocations = ended,
                    "Ended the relay allocations of a locked or deactivated account."
                );
            }
        }
        Ok(())
    }
}
