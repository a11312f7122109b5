//! Requests signatures from the policy servers of rooms (server-server API 1.18, `POST /_matrix/policy/v1/sign`).
//! `rooms/policy.rs` decides when to ask and what follows. This server is not a policy server itself.

use std::sync::{Arc, Weak};

use hearth_base::limits::federation::POLICY_SERVER_SIGN_WAIT;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::ports::{Eventually, PolicyServerClient};
use hearth_rooms::policy;
use ruma::OwnedServerName;
use ruma::api::federation::policy::sign_event;
use serde_json::value::RawValue;

use super::Federation;
use super::pdu::IncomingPdu;

/// Lets `rooms` ask policy servers without a dependency on federation. A weak reference, because federation holds the
/// core, which holds this.
#[derive(Debug)]
pub struct FederationPolicyClient(Weak<Federation>);

impl FederationPolicyClient {
    /// Asks through `federation`, as long as it exists.
    #[must_use]
    pub fn of(federation: &Arc<Federation>) -> Self {
        Self(Arc::downgrade(federation))
    }
}

impl PolicyServerClient for FederationPolicyClient {
    fn sign(&self, via: OwnedServerName, event: Vec<u8>) -> Eventually<Result<String>> {
        let federation = self.0.upgrade();
        Box::pin(async move {
            let federation =
                federation.ok_or_else(|| Error::broken("a policy server is asked while the server stops"))?;
            federation.ask_policy(&via, &event).await
        })
    }
}

impl Federation {
    /// Requests the policy server's signature for an event without one, as sent by servers without policy server
    /// support. Without a signature the event counts as refused, also when the policy server does not answer: a room
    /// must not be unprotected while its policy server is down.
    pub(super) async fn ask_policy_for(&self, via: &OwnedServerName, candidate: &mut IncomingPdu) {
        let signed = policy::signed_by(&self.core, via, &candidate.json).await;
        let signed = signed.and_then(|json| match json.len() <= limits::PDU_BYTES_MAX {
            true => Ok(json),
            false => Err(refuse(Reason::TooLarge, "With the policy server's signature the event is too large.")),
        });
        match signed {
            Ok(json) => candidate.json = json,
            Err(error) => self.core.policies.refuse(&candidate.pdu.event_id, &error.to_string()),
        }
    }

    async fn ask_policy(&self, via: &OwnedServerName, event: &[u8]) -> Result<String> {
        let json = str::from_utf8(event).map_err(|error| Error::fault("reading an event", error))?;
        let json = RawValue::from_string(json.to_owned()).map_err(|error| Error::fault("reading an event", error))?;
        let answer = self.ask_within(via, sign_event::v1::Request::new(json), POLICY_SERVER_SIGN_WAIT).await.map_err(
            |error| {
                let refused = error.reason() == Some(Reason::Forbidden);
                let reason = if refused { Reason::Forbidden } else { Reason::ConnectionFailed };
                let what =
                    if refused { "does not allow this" } else { "could not be asked about this; try again later" };
                refuse(reason, format!("The room's policy server {what}: {error}"))
            },
        )?;
        let signature = answer.ed25519_signature(via).filter(|signature| signature.len() <= limits::ID_BYTES_MAX);
        signature.map(str::to_owned).ok_or_else(|| {
            refuse(Reason::ConnectionFailed, format!("The room's policy server {via} answered without a signature."))
        })
    }
}
