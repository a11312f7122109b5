//! Policy servers: a room may name one in `m.room.policy`, and then every event needs its signature (server-server
//! API 1.18, "Policy servers").
//!
//! An event of this server is signed before it is appended, but no write closure may wait for the network. So
//! [`write()`] runs a use case in a closure; when the use case wants to append an event that needs a signature,
//! [`approve`] records the finished event and the closure is rolled back; then the policy server is asked; and the
//! use case runs again and appends the signed event, if the room has not moved on. [`policy_status`] checks
//! events of other servers. The HTTP client is not part of this module.
//!
//! A room whose policy server is this server itself counts as a room without one: this server cannot ask itself.

use hearth_base::boxed;
use std::fmt;
use std::sync::{Arc, OnceLock};

use hearth_base::limits::rooms::{POLICY_REFUSALS_MAX, POLICY_ROUNDS_MAX};
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::ports::PolicyServerClient;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::events::TimelineEventType;
use ruma::events::room::policy::{POLICY_SERVER_ED25519_SIGNING_KEY_ID, RoomPolicyEventContent};
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::verify_policy_server_signature;
use ruma::{EventId, OwnedEventId, OwnedServerName};

use super::event::{Authored, Pdu, version};
use super::servers;
use crate::RoomCore;

/// State of policy server checks: the client, and recent refusals.
pub struct Policies {
    policy_client: OnceLock<Box<dyn PolicyServerClient>>,
    /// The slot of the use case whose closure the writer is running; it runs one at a time.
    running: Mutex<Option<Arc<Slot>>>,
    refusals: Cache<OwnedEventId, Arc<str>>,
}

impl Default for Policies {
    fn default() -> Self {
        Self { policy_client: OnceLock::new(), running: Mutex::default(), refusals: Cache::new(POLICY_REFUSALS_MAX) }
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policies({} refusals)", self.refusals.len())
    }
}

impl Policies {
    /// Sets the policy server client. Call once, before the first event is sent.
    pub fn set_policy_client(&self, policy_client: impl PolicyServerClient + 'static) {
        // A second call would pass an equal client, so the first one stays.
        let _ = self.policy_client.set(Box::new(policy_client));
    }

    /// Caches that an event was refused, and why.
    pub fn refuse(&self, event: &EventId, why: &str) {
        self.refusals.insert(event.to_owned(), why.into());
    }
}

/// What a use case has had signed, and what it still needs signed.
#[derive(Default)]
struct Slot {
    approved: Mutex<Vec<Authored>>,
    wanted: Mutex<Option<(Policy, Authored)>>,
}

/// The policy of a room.
#[derive(Clone)]
struct Policy {
    content: RoomPolicyEventContent,
    rules: &'static RoomVersionRules,
}

/// Result of the policy check of a remote event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyStatus {
    /// The room has no policy, or the policy server has signed the event.
    Fine,
    /// The policy server has refused the event.
    Refused(Arc<str>),
    /// The event has no valid signature yet: ask this policy server.
    Unasked(OwnedServerName),
}

/// Returns the room's policy if it is in force: it is well-formed, and the policy server has a member in the room.
fn of(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn) -> Result<Option<RoomPolicyEventContent>> {
    let Some(sn) = state::current_named(tx, room, "m.room.policy", "")? else { return Ok(None) };
    let event = core.events.get(tx, sn)?;
    let Ok(content) = serde_json::from_str::<RoomPolicyEventContent>(event.pdu.content.get()) else { return Ok(None) };
    let is_in_force = content.public_keys.contains_key(&ruma::SigningKeyAlgorithm::Ed25519)
        && servers::of(core, tx, room)?.contains(&content.via);
    Ok(is_in_force.then_some(content))
}

/// The policy event itself needs no signature. Otherwise a room could never remove a policy server that does not
/// answer.
fn is_exempt(pdu: &Pdu) -> bool {
    pdu.is_state(&TimelineEventType::from("m.room.policy"), "")
}

/// Checks a remote event against the current policy of its room.
pub fn policy_status(core: &RoomCore, tx: &mut dyn Tx, room: &Room, pdu: &Pdu, json: &[u8]) -> Result<PolicyStatus> {
    if is_exempt(pdu) {
        return Ok(PolicyStatus::Fine);
    }
    let Some(content) = of(core, tx, room.sn)? else { return Ok(PolicyStatus::Fine) };
    if verify_policy_server_signature(&content, &object(json)?, version::stored_rules(&room.version)?).is_ok() {
        return Ok(PolicyStatus::Fine);
    }
    Ok(match core.policies.refusals.get(&pdu.event_id) {
        Some(why) => PolicyStatus::Refused(why),
        None => PolicyStatus::Unasked(content.via),
    })
}

/// Refuses a local event without the required signature: the policy came into force while other servers signed the
/// event.
pub(super) fn check(core: &RoomCore, tx: &mut dyn Tx, room: &Room, event: &Authored) -> Result<()> {
    match policy_status(core, tx, room, &event.pdu, &event.json)? {
        PolicyStatus::Fine => Ok(()),
        _ => {
            Err(refuse(Reason::LimitExceeded { retry_after_ms: 1_000 }, "The room has a new policy server: try again."))
        }
    }
}

/// Runs a use case that appends events to rooms; use it in place of `store.write`. The closure may run several times;
/// every run but the last is rolled back.
///
/// Also refuses with `M_FORBIDDEN` an event that the room's policy server refuses, and with `M_CONNECTION_FAILED`
/// when the policy server does not answer.
pub async fn write<T, F>(core: &Arc<RoomCore>, name: &'static str, closure: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Clone + Send + 'static,
{
    let slot = Arc::<Slot>::default();
    for _ in 0..POLICY_ROUNDS_MAX {
        let (shared_core, attempt, here) = (core.clone(), closure.clone(), slot.clone());
        let run = move |tx: &mut WriteTx<'_>| {
            let _running = Running::begin(&shared_core.policies, here);
            attempt(tx)
        };
        let outcome = core.store.write(name, run).await;
        let wanted = slot.wanted.lock().take();
        match (outcome, wanted) {
            (Err(_), Some((policy, event))) => {
                let signed = ask(core, &policy, event).await?;
                slot.approved.lock().push(signed);
            }
            (outcome, _) => return outcome,
        }
    }
    Err(refuse(
        Reason::LimitExceeded { retry_after_ms: 1_000 },
        "The room moves faster than its policy server answers.",
    ))
}

/// Installs the slot of a closure while it runs, so that [`approve`] finds it.
struct Running<'a>(&'a Policies);

impl<'a> Running<'a> {
    fn begin(policies: &'a Policies, slot: Arc<Slot>) -> Self {
        *policies.running.lock() = Some(slot);
        Self(policies)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running.lock() = None;
    }
}

/// Returns the event to append for one that has just been authored: the same event where no signature is needed,
/// otherwise the signed one. Returns an error that makes [`write()`] start over when there is no signature yet.
pub(super) fn approve(core: &RoomCore, tx: &mut dyn Tx, room: &Room, authored: Authored) -> Result<Authored> {
    if is_exempt(&authored.pdu) {
        return Ok(authored);
    }
    let Some(content) = of(core, tx, room.sn)? else { return Ok(authored) };
    let running = core.policies.running.lock().clone();
    let Some(slot) = running else {
        return Err(refuse(
            Reason::BadState,
            "The room's policy server has to be asked about this, which does not happen here.",
        ));
    };
    // A repeated closure authors the event anew, with a later time. Append the signed one instead.
    if let Some(signed) = slot.approved.lock().iter().find(|signed| is_same(&signed.pdu, &authored.pdu)) {
        return Ok(signed.clone());
    }
    let policy = Policy { content, rules: version::stored_rules(&room.version)? };
    *slot.wanted.lock() = Some((policy, authored));
    Err(refuse(Reason::BadState, "The room's policy server is being asked."))
}

/// Returns whether two events are equal except for their time: same content, same place in the room's graph.
fn is_same(one: &Pdu, other: &Pdu) -> bool {
    one.room_id == other.room_id
        && one.kind == other.kind
        && one.state_key == other.state_key
        && one.sender == other.sender
        && one.redacts == other.redacts
        && one.prev_events == other.prev_events
        && one.auth_events == other.auth_events
        && one.content.get() == other.content.get()
}

/// Returns an authored event, signed by the room's policy server if there is one.
///
/// Refuses as [`write()`] does.
#[boxed]
pub async fn approved(core: &Arc<RoomCore>, room: &Room, authored: Authored) -> Result<Authored> {
    if is_exempt(&authored.pdu) {
        return Ok(authored);
    }
    let (shared_core, sn) = (core.clone(), room.sn);
    let Some(content) = core.store.read("room_policy", move |tx| of(&shared_core, tx.tx(), sn)).await? else {
        return Ok(authored);
    };
    ask(core, &Policy { content, rules: version::stored_rules(&room.version)? }, authored).await
}

async fn ask(core: &RoomCore, policy: &Policy, event: Authored) -> Result<Authored> {
    let json = signed_by(core, &policy.content.via, &event.json).await?;
    // The policy server may return any signature, so verify it before the use case runs again.
    let is_good = verify_policy_server_signature(&policy.content, &object(&json)?, policy.rules).is_ok();
    if !is_good {
        let message = format!("{} signed with another key than the room's policy names.", policy.content.via);
        return Err(refuse(Reason::ConnectionFailed, message));
    }
    if json.len() > limits::PDU_BYTES_MAX {
        return Err(refuse(
            Reason::TooLarge,
            "With the policy server's signature the event is larger than 65,535 bytes.",
        ));
    }
    Ok(Authored { pdu: event.pdu, json })
}

/// Asks a policy server to sign an event; returns the event with the signature. Does not verify the signature.
#[boxed]
pub async fn signed_by(core: &RoomCore, via: &OwnedServerName, json: &[u8]) -> Result<Vec<u8>> {
    let policy_client = core.policies.policy_client.get();
    let policy_client = policy_client.ok_or_else(|| Error::broken("nobody can ask policy servers"))?;
    let mut event = object(json)?;
    let signature = policy_client.sign(via.clone(), json.to_vec()).await?;
    let nothing = || CanonicalJsonValue::Object(CanonicalJsonObject::new());
    if let CanonicalJsonValue::Object(all) = event.entry("signatures".to_owned()).or_insert_with(nothing)
        && let CanonicalJsonValue::Object(own) = all.entry(via.to_string()).or_insert_with(nothing)
    {
        own.insert(POLICY_SERVER_ED25519_SIGNING_KEY_ID.to_owned(), CanonicalJsonValue::String(signature));
    }
    serde_json::to_vec(&event).map_err(|error| Error::fault("writing an event as JSON", error))
}

fn object(json: &[u8]) -> Result<CanonicalJsonObject> {
    serde_json::from_slice(json).map_err(|error| Error::fault("reading an event", error))
}
