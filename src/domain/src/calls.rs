//! Calls (client-server API, "Voice over IP"): where clients find the relay that they need when two of them cannot reach each
//! other. Signalling is events like any other.

use std::sync::Arc;

use hearth_turn::{Credentials, credentials};

use crate::core::Core;
use crate::requester::Requester;

/// Calls.
#[derive(Debug)]
pub struct Calls {
    core: Arc<Core>,
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

impl Calls {
    /// On the foundation.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The relay for a user; none when none is configured.
    #[must_use]
    pub fn relay(&self, who: &Requester) -> Option<Relay> {
        let turn = &self.core.config.turn;
        let secret = turn.shared_secret.as_ref().filter(|_| !turn.uris.is_empty())?;
        let lifetime_ms = turn.credential_lifetime_ms;
        let expires_s = self.core.now_ms().saturating_add(lifetime_ms) / 1_000;
        let credentials = credentials::mint(secret.reveal().as_bytes(), who.user_id.as_str(), expires_s);
        Some(Relay { uris: turn.uris.clone(), credentials, lifetime_ms })
    }
}
