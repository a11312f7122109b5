//! Policy servers: a room may name one in `m.room.policy`, and then every event needs its signature (server-server API 1.18,
//! "Policy servers").
//!
//! An event of this server is signed before it is appended, and yet nothing waits inside a write closure: [`write()`] runs a use
//! case; when that wants to append an event for which a signature is needed, [`approve`] lays the finished event aside and
//! the closure is undone; the policy server is asked; and the use case runs again, appending the very event that was signed,
//! if the room has not moved on. Events of others are judged by [`standing`]. How the policy server is reached is not known here.
//!
//! A room whose policy server is this one's own name has none as far as this server is concerned: it cannot ask itself.

use std::fmt;
use std::sync::{Arc, OnceLock};

use hearth_base::{Error, Reason, Result, error::refuse, limits};
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
use crate::core::Core;
use crate::ports::PolicyServerClient;

/// How often a use case starts over as its room has moved on, or as it appends several events.
const ROUNDS_MAX: usize = 12;
/// Refusals that are remembered, so that an event that comes again is not asked about again.
const REFUSALS_MAX: usize = 1_000;

/// What is known of policy servers and what they say.
pub struct Policies {
    policy_client: OnceLock<Box<dyn PolicyServerClient>>,
    /// What belongs to the use case whose closure the writer runs; it runs one at a time.
    running: Mutex<Option<Arc<Slot>>>,
    refusals: Cache<OwnedEventId, Arc<str>>,
}

impl Default for Policies {
    fn default() -> Self {
        Self { policy_client: OnceLock::new(), running: Mutex::default(), refusals: Cache::new(REFUSALS_MAX) }
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policies({} refusals)", self.refusals.len())
    }
}

impl Policies {
    /// Says who asks policy servers. Once, before the first event is sent.
    pub fn set_policy_client(&self, policy_client: impl PolicyServerClient + 'static) {
        // A second one would be the same.
        let _ = self.policy_client.set(Box::new(policy_client));
    }

    /// Remembers that an event was refused, and why.
    pub fn refuse(&self, event: &EventId, why: &str) {
        self.refusals.insert(event.to_owned(), why.into());
    }
}

/// What a use case has had signed, and what it still needs.
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

/// How an event of another server stands to the room's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyStatus {
    /// There is no policy, or it has been signed.
    Fine,
    /// The policy server does not want it.
    Refused(Arc<str>),
    /// This server has to be asked.
    Unasked(OwnedServerName),
}

/// The room's policy, if one is in force: well-formed, and its server is in the room.
fn of(core: &Core, tx: &mut dyn Tx, room: RoomSn) -> Result<Option<RoomPolicyEventContent>> {
    let Some(sn) = state::current_named(tx, room, "m.room.policy", "")? else { return Ok(None) };
    let event = core.events.get(tx, sn)?;
    let Ok(content) = serde_json::from_str::<RoomPolicyEventContent>(event.pdu.content.get()) else { return Ok(None) };
    let is_in_force = content.public_keys.contains_key(&ruma::SigningKeyAlgorithm::Ed25519)
        && servers::of(core, tx, room)?.contains(&content.via);
    Ok(is_in_force.then_some(content))
}

/// The policy itself cannot need a signature, or a room would never get rid of one that does not answer.
fn is_exempt(pdu: &Pdu) -> bool {
    pdu.is_state(&TimelineEventType::from("m.room.policy"), "")
}

/// How an event that comes from elsewhere stands to the policy of its room now.
pub fn membership_status(core: &Core, tx: &mut dyn Tx, room: &Room, pdu: &Pdu, json: &[u8]) -> Result<PolicyStatus> {
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

/// Refuses an event of this server that lacks the signature it needs: the policy has come into force while others signed it.
pub(super) fn check(core: &Core, tx: &mut dyn Tx, room: &Room, event: &Authored) -> Result<()> {
    match membership_status(core, tx, room, &event.pdu, &event.json)? {
        PolicyStatus::Fine => Ok(()),
        _ => {
            Err(refuse(Reason::LimitExceeded { retry_after_ms: 1_000 }, "The room has a new policy server: try again."))
        }
    }
}

/// What a use case that appends events to rooms goes through instead of `store.write`. The closure may run several times; each
/// time but the last everything it did is undone.
///
/// Also refuses with `M_FORBIDDEN` what the room's policy server does not want, and with `M_CONNECTION_FAILED` when it does not
/// answer.
pub async fn write<T, F>(core: &Arc<Core>, name: &'static str, closure: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Clone + Send + 'static,
{
    let slot = Arc::<Slot>::default();
    for _ in 0..ROUNDS_MAX {
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

/// While a closure runs, its slot is where [`approve`] finds it.
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

/// The event to append for one that has just been authored: the same one, where no signature is needed; else the one that was
/// signed. An error that makes [`write()`] start over when that has yet to be.
pub(super) fn approve(core: &Core, tx: &mut dyn Tx, room: &Room, authored: Authored) -> Result<Authored> {
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
    if let Some(signed) = slot.approved.lock().iter().find(|signed| is_same(&signed.pdu, &authored.pdu)) {
        return Ok(signed.clone());
    }
    let policy = Policy { content, rules: version::stored_rules(&room.version)? };
    *slot.wanted.lock() = Some((policy, authored));
    Err(refuse(Reason::BadState, "The room's policy server is being asked."))
}

/// Whether two events say the same at the same place in the room, be it at another time.
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

/// An event that was authored for a room, signed by the room's policy server if there is one.
///
/// Refuses as [`write()`] does.
pub async fn approved(core: &Arc<Core>, room: &Room, authored: Authored) -> Result<Authored> {
    if is_exempt(&authored.pdu) {
        return Ok(authored);
    }
    let (shared_core, sn) = (core.clone(), room.sn);
    let Some(content) = core.store.read("room_policy", move |tx| of(&shared_core, tx.tx(), sn)).await? else {
        return Ok(authored);
    };
    ask(core, &Policy { content, rules: version::stored_rules(&room.version)? }, authored).await
}

async fn ask(core: &Core, policy: &Policy, event: Authored) -> Result<Authored> {
    let json = signed_by(core, &policy.content.via, &event.json).await?;
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

/// Asks a policy server about an event, and gives the event with its signature. The signature is not checked here.
pub async fn signed_by(core: &Core, via: &OwnedServerName, json: &[u8]) -> Result<Vec<u8>> {
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
