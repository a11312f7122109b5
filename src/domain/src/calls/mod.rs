//! Calls (client-server API, "Voice over IP"): where clients find the relay that they need when two of them cannot reach each
//! other. Signalling is events like any other.
//!
//! The relay itself is the crate `turn`, and the composition root runs it; here is who may use it (`keeper`), and what is
//! told about it.

mod check;
mod keeper;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use hearth_base::Result;
use hearth_store::tables::{accounts as table, users};
use hearth_turn::{Authority, Credentials, Refusal, Running, credentials};
use ruma::UserId;

use crate::core::Core;
use crate::requester::Requester;
pub use check::TransportCheck;
use keeper::Keeper;
pub use view::{Absence, RelayView};

/// Calls.
#[derive(Debug)]
pub struct Calls {
    core: Arc<Core>,
    keeper: Arc<Keeper>,
    own: OnceLock<OwnRelay>,
    /// Why our own relay could not be started.
    failure: OnceLock<String>,
}

/// A relay, and what opens it.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Where it is: `turn:` and `stun:` URIs.
    pub uris: Vec<String>,
    /// What opens it.
    pub credentials: Credentials,
    /// How long they work, in milliseconds.
    pub lifetime_ms: u64,
}

/// The relay that runs in this process.
#[derive(Debug)]
pub struct OwnRelay {
    /// Its handle.
    pub running: Arc<Running>,
    /// Where clients find it.
    pub uris: Vec<String>,
}

impl OwnRelay {
    /// Whether anything can be relayed: without an address that others reach, all it could do is refuse.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        let external_address = self.running.external_address();
        external_address.v4.is_some() || external_address.v6.is_some()
    }

    /// How often something was refused since the start, by reason.
    #[must_use]
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counters = self.running.counters();
        Refusal::ALL.iter().map(|why| (why.label(), counters.refused(*why))).collect()
    }
}

impl Calls {
    /// On the foundation.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        let keeper = Arc::new(Keeper::new(Arc::clone(&core)));
        Self { core, keeper, own: OnceLock::new(), failure: OnceLock::new() }
    }

    /// Whom our own relay asks about credentials.
    #[must_use]
    pub fn authority(&self) -> Arc<dyn Authority> {
        Arc::clone(&self.keeper) as Arc<dyn Authority>
    }

    /// Says that our own relay runs, once.
    pub fn runs(&self, own: OwnRelay) {
        // A second relay would be a mistake of the composition root; the first one stays.
        let _ = self.own.set(own);
    }

    /// Says that our own relay was to run and could not, and why.
    pub fn cannot_run(&self, error: &dyn std::fmt::Display) {
        let _ = self.failure.set(error.to_string());
    }

    /// The relay that runs in this process, if one does.
    #[must_use]
    pub fn own(&self) -> Option<&OwnRelay> {
        self.own.get()
    }

    /// The relay for a user; none when there is none to be used. One that is configured comes before our own.
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

    /// What opens our own relay for a user.
    #[must_use]
    pub fn own_credentials(&self, user: &UserId) -> Credentials {
        credentials::mint(&self.keeper.secret(), user.as_str(), self.expires_s())
    }

    fn expires_s(&self) -> u64 {
        self.core.now_ms().saturating_add(self.core.config.turn.credential_lifetime_ms) / 1_000
    }

    /// Ends the calls of users who may no longer use the relay: whose account is locked or closed. Looks only at those whose
    /// standing has just changed, who are using it, and from whom it was taken.
    pub async fn end_revoked(&self) -> Result<()> {
        let Some(own) = self.own.get() else { return Ok(()) };
        let using = own.running.users().into_iter().filter(|user| user.allocations > 0).map(|user| user.user);
        let mut looked_at: BTreeSet<String> = using.chain(self.keeper.revoked()).collect();
        let changed = self.core.notifier.take_account_status_changes();
        if !changed.is_empty() {
            let names = self.core.store.read("relay_standings", move |tx| {
                changed.into_iter().map(|user| users::name(tx.tx(), user)).collect::<Result<Vec<_>>>()
            });
            looked_at.extend(names.await?.into_iter().flatten());
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
                // It waits for the relay's threads.
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
