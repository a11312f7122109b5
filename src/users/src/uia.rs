//! User-interactive authentication: the user authenticates again before an action that cannot be undone (client-server
//! API, "User-Interactive Authentication API").
//!
//! A handler needs one line. Its route is built with `Bounds::...().uia()`, which removes `auth` from the body before
//! the body is parsed; then
//!
//! ```text
//! app.domain.uia.check(request.uia(uia::PASSWORD)).await?;
//! ```
//!
//! returns after a complete authentication; until then its error is the response with flows and session. `Passed` has
//! the completed stages' results; most callers ignore it.
//!
//! A session belongs to the user and device that started it, to the method and path, and to the body without `auth`:
//! it authorises no other request. A request with only `auth` repeats the body of the session's first request.
//! Sessions are in memory, for ten minutes, and bounded in number (`sessions.rs`); bodies that contain passwords are stored as a hash
//! only and must be sent again.
//!
//! Registration has no user yet: there the body may still change, and omitted fields are taken from the first request.
//! A session remembers the account that it created, for a client that lost the response and retries.

mod sessions;

use hearth_base::boxed;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use hearth_base::limits::users::BODY_KEPT_BYTES_MAX;
use hearth_base::{Error, Millis, Reason, Result, error::refusal, limits};
use hearth_core::Requester;
use hearth_core::rates::RateSubject;
use hearth_core::turns::{KeyedLocks, KeyedPermit};
use hearth_rooms::RoomCore;
use hearth_store::ids::{DeviceSn, UserSn};
use parking_lot::Mutex;
use ruma::{OwnedUserId, UserId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::accounts::Accounts;
use sessions::{SessionOwner, Sessions};

/// Length of a session id, in random characters.
const SESSION_CHARS: usize = 24;

/// An authentication stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `m.login.password`: the requester's password.
    Password,
    /// `m.login.dummy`: always succeeds.
    Dummy,
    /// `m.login.registration_token`: a registration token.
    RegistrationToken,
}

/// Alternative flows, each a series of stages.
pub type Flows = &'static [&'static [Stage]];

/// Requires the user's password.
pub const PASSWORD: Flows = &[&[Stage::Password]];
/// Requires no proof, for endpoints that must use this protocol.
pub const DUMMY: Flows = &[&[Stage::Dummy]];
/// Requires a registration token. The second stage proves nothing: Synapse has it, and matrix-nio sends it as a request of its
/// own without looking at the flows.
pub const REGISTRATION_TOKEN: Flows = &[&[Stage::RegistrationToken, Stage::Dummy]];
/// Requires no proof; a registration token is optional.
pub const DUMMY_OR_TOKEN: Flows = &[&[Stage::Dummy], &[Stage::RegistrationToken, Stage::Dummy]];

impl Stage {
    /// The stage's name in the protocol, such as `m.login.password`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "m.login.password",
            Self::Dummy => "m.login.dummy",
            Self::RegistrationToken => "m.login.registration_token",
        }
    }

    /// The stage with a protocol name; `None` for unsupported stages.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "m.login.password" => Self::Password,
            "m.login.dummy" => Self::Dummy,
            "m.login.registration_token" | "org.matrix.msc3231.login.registration_token" => Self::RegistrationToken,
            _ => return None,
        })
    }
}

/// A request that requires authentication.
#[derive(Debug, Clone, Copy)]
pub struct UiaRequest<'a> {
    /// The requester; `None` during registration.
    pub requester: Option<&'a Requester>,
    /// The client's address, which bounds the sessions of clients that are not logged in.
    pub client: Option<IpAddr>,
    /// Method and path, such as `DELETE /_matrix/client/v3/devices/ABC`.
    pub target: &'a str,
    /// The JSON body without `auth`; a session is bound to its hash.
    pub body: &'a [u8],
    /// The `auth` object of the body.
    pub auth: Option<&'a Value>,
    /// The accepted flows.
    pub flows: Flows,
}

/// A completed authentication.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// The registration token, if given. It is valid, and this does not count as a use.
    pub registration_token: Option<String>,
    /// The id of the completed session.
    pub session: String,
}

/// Lock on a registration session; dropping it admits the next request.
#[derive(Debug)]
pub struct RegistrationTurn {
    _turn: KeyedPermit,
}

/// The request that a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    who: Option<(UserSn, DeviceSn)>,
    target: String,
    /// Hash of the body without `auth`; zeros for registration.
    body: [u8; 32],
}

#[derive(Debug, Clone)]
struct Session {
    binding: Binding,
    begun_ms: Millis,
    completed: HashSet<Stage>,
    registration_token: Option<String>,
    body: Option<Kept>,
    /// Whether it is used up and only stored for the account that it created.
    is_spent: bool,
    registered: Option<OwnedUserId>,
}

/// A body without `auth`. A registration's body contains a password, so `Debug` must not print it.
#[derive(Clone)]
struct Kept(Vec<u8>);

impl Kept {
    /// The body without its password, for a client that repeats only `auth`.
    fn without_password(self) -> Option<Self> {
        let mut body: Map<String, Value> = serde_json::from_slice(&self.0).ok()?;
        body.remove("password");
        Some(Self(Value::Object(body).to_string().into_bytes()))
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kept").field(&self.0.len()).finish()
    }
}

/// The open sessions.
#[derive(Debug)]
pub struct Uia {
    core: Arc<RoomCore>,
    accounts: Arc<Accounts>,
    sessions: Mutex<Sessions>,
    registering: KeyedLocks<String>,
}

impl Uia {
    /// Creates the service, without sessions.
    #[must_use]
    pub fn new(core: Arc<RoomCore>, accounts: Arc<Accounts>) -> Self {
        Self { core, accounts, sessions: Mutex::default(), registering: KeyedLocks::default() }
    }

    /// Same as [`Uia::check`], with an exception for application services, whose users have no password: the service's
    /// token suffices for deleting devices and for cross-signing keys (client-server API 1.17).
    #[boxed]
    pub async fn check_unless_service(&self, request: UiaRequest<'_>) -> Result<Passed> {
        if request.requester.is_some_and(|requester| requester.appservice.is_some()) {
            return Ok(Passed::default());
        }
        self.check(request).await
    }

    /// Returns when the request completes a flow or refers to a completed one. Until then, an error with
    /// [`Reason::Uia`] and the response fields; `M_FORBIDDEN` for a session of another request or user.
    #[boxed]
    pub async fn check(&self, request: UiaRequest<'_>) -> Result<Passed> {
        let binding = Binding::of(&request);
        let Some(auth) = request.auth.and_then(Value::as_object) else {
            let id = self.begin(binding, &request);
            return Err(self.challenge(&id, request.flows, None));
        };
        let id = match auth.get("session").and_then(Value::as_str) {
            None => self.begin(binding, &request),
            Some(id) => match self.session(id) {
                Some(session) if session.binding == binding => id.to_owned(),
                Some(_) => {
                    let message = "This proof was begun for another request: start anew, without a session.";
                    return Err(Error::forbidden(message));
                }
                None => {
                    let id = self.begin(binding, &request);
                    let why = failed("The session is unknown or too old: this is a new one.");
                    return Err(self.challenge(&id, request.flows, Some(why)));
                }
            },
        };
        check_named(&self.accounts, auth, &request)?;
        if let Some(kind) = auth.get("type").and_then(Value::as_str)
            && let Err(error) = self.try_stage(&id, kind, auth, &request).await
        {
            return match error {
                Error::Refusal(why) if matches!(why.reason, Reason::Forbidden | Reason::MissingParam) => {
                    Err(self.challenge(&id, request.flows, Some(failed(&why.message))))
                }
                other => Err(other),
            };
        }
        self.finish(&id, request.flows).ok_or_else(|| self.challenge(&id, request.flows, None))
    }

    async fn try_stage(&self, id: &str, kind: &str, auth: &Map<String, Value>, request: &UiaRequest<'_>) -> Result<()> {
        let stage = Stage::from_name(kind).filter(|stage| request.flows.iter().any(|flow| flow.contains(stage)));
        let Some(stage) = stage else {
            return Err(Error::forbidden(format!("{kind:?} is not among the ways to authenticate here.")));
        };
        match stage {
            Stage::Dummy => {}
            Stage::Password => self.check_password(auth, request).await?,
            Stage::RegistrationToken => {
                let token = text(auth, "token")?;
                if !self.accounts.registration_token_valid(token).await? {
                    return Err(Error::forbidden("This registration token is not valid, or has been used up."));
                }
                self.complete(id, stage, Some(token));
            }
        }
        self.complete(id, stage, None);
        Ok(())
    }

    async fn check_password(&self, auth: &Map<String, Value>, request: &UiaRequest<'_>) -> Result<()> {
        let requester = request.requester.ok_or_else(|| Error::forbidden("Log in first."))?;
        self.accounts.check_password_of(requester, text(auth, "password")?).await
    }

    /// Completes a stage from the fallback web page. Returns whether it did.
    #[boxed]
    pub async fn complete_on_page(&self, id: &str, stage: Stage, token: Option<&str>) -> Result<bool> {
        let good = match (stage, token) {
            (Stage::Dummy, _) => true,
            (Stage::RegistrationToken, Some(token)) => self.accounts.registration_token_valid(token).await?,
            _ => false,
        };
        Ok(good && self.complete(id, stage, token.filter(|_| stage == Stage::RegistrationToken)))
    }

    /// Whether the session has proved a valid registration token.
    #[must_use]
    pub fn has_token(&self, id: &str) -> bool {
        self.session(id).is_some_and(|session| session.registration_token.is_some())
    }

    /// Whether the session exists.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.session(id).is_some()
    }

    /// Removes `auth` from a body. A body with only `auth` is replaced by that of the session's first request, if
    /// known. Invalid JSON stays unchanged; the parser reports it.
    #[must_use]
    pub fn split(&self, body: &[u8], target: &str) -> (Vec<u8>, Option<Value>) {
        let Ok(Value::Object(mut map)) = serde_json::from_slice::<Value>(body) else { return (body.to_vec(), None) };
        let auth = map.remove("auth").filter(|auth| !auth.is_null());
        let first = auth.as_ref().and_then(|auth| auth.get("session")).and_then(Value::as_str);
        let first = first.and_then(|id| self.any_session(id)).filter(|session| session.binding.target == target);
        if let Some(Session { binding, body: Some(Kept(body)), .. }) = first {
            if map.is_empty() {
                return (body, auth);
            }
            if binding.who.is_none()
                && let Ok(mut whole) = serde_json::from_slice::<Map<String, Value>>(&body)
            {
                whole.extend(map);
                map = whole;
            }
        }
        (Value::Object(map).to_string().into_bytes(), auth)
    }

    /// Serialises the requests of one registration session: a client that retries during its first request waits for
    /// the result of that one.
    #[boxed]
    pub async fn registration_turn(&self, session: Option<&str>) -> Option<RegistrationTurn> {
        match session.filter(|id| self.sessions.lock().get(id).is_some()) {
            Some(id) => Some(RegistrationTurn { _turn: self.registering.take(id.to_owned()).await }),
            None => None,
        }
    }

    /// The account that a session created.
    #[must_use]
    pub fn registered(&self, session: &str) -> Option<OwnedUserId> {
        self.any_session(session)?.registered
    }

    /// Stores the account that a session created.
    pub fn note_registered(&self, session: &str, user_id: &UserId) {
        if let Some(session) = self.sessions.lock().get_mut(session) {
            session.registered = Some(user_id.to_owned());
        }
    }

    fn session(&self, id: &str) -> Option<Session> {
        self.any_session(id).filter(|session| !session.is_spent)
    }

    /// A session, including a used one.
    fn any_session(&self, id: &str) -> Option<Session> {
        let now_ms = self.core.now_ms();
        self.sessions.lock().get(id).filter(|session| session.lives(now_ms)).cloned()
    }

    fn begin(&self, binding: Binding, request: &UiaRequest<'_>) -> String {
        let body = request.body;
        let (id, now_ms) = (self.core.seams.random.alphanumeric(SESSION_CHARS), self.core.now_ms());
        // During registration there is no account yet that a password in the body could open.
        let may_keep = binding.who.is_none() || !holds_password(body);
        let session = Session {
            binding,
            begun_ms: now_ms,
            completed: HashSet::new(),
            registration_token: None,
            body: (body.len() <= BODY_KEPT_BYTES_MAX && may_keep).then(|| Kept(body.to_vec())),
            is_spent: false,
            registered: None,
        };
        let owner = match request.requester {
            Some(who) => SessionOwner::User(who.user),
            None => SessionOwner::Network(RateSubject::network(request.client)),
        };
        self.sessions.lock().insert(owner, id.clone(), session, now_ms);
        id
    }

    /// Notes a completed stage; returns whether the session exists.
    fn complete(&self, id: &str, stage: Stage, token: Option<&str>) -> bool {
        let mut sessions = self.sessions.lock();
        let Some(session) = sessions.get_mut(id) else { return false };
        session.completed.insert(stage);
        if let Some(token) = token {
            session.registration_token = Some(token.to_owned());
        }
        true
    }

    /// Ends a session that completes one of the flows, so that it works once.
    fn finish(&self, id: &str, flows: Flows) -> Option<Passed> {
        let mut sessions = self.sessions.lock();
        let session = sessions.get_mut(id).filter(|session| !session.is_spent)?;
        if !flows.iter().any(|flow| flow.iter().all(|stage| session.completed.contains(stage))) {
            return None;
        }
        let passed = Passed { registration_token: session.registration_token.take(), session: id.to_owned() };
        if session.binding.who.is_none() {
            session.is_spent = true;
            session.body = session.body.take().and_then(Kept::without_password);
        } else {
            sessions.remove(id);
        }
        Some(passed)
    }

    fn challenge(&self, id: &str, flows: Flows, why: Option<Map<String, Value>>) -> Error {
        let mut refusal = refusal(Reason::Uia, "This needs a proof of who you are.");
        let names = |flow: &&[Stage]| json!({ "stages": flow.iter().map(|stage| stage.name()).collect::<Vec<_>>() });
        let completed = self.session(id).map(|session| session.completed).unwrap_or_default();
        // In the order of the flows, so that equal states have equal responses.
        let completed: Vec<_> =
            flows.iter().flat_map(|flow| flow.iter()).filter(|stage| completed.contains(stage)).collect();
        refusal.fields = why.unwrap_or_default();
        refusal = refusal
            .with("flows", flows.iter().map(names).collect::<Vec<_>>())
            .with("params", json!({}))
            .with("session", id)
            .with("completed", completed.iter().map(|stage| stage.name()).collect::<Vec<_>>());
        refusal.into()
    }
}

impl Session {
    fn lives(&self, now_ms: Millis) -> bool {
        now_ms.saturating_sub(self.begun_ms) < limits::UIA_SESSION_MS_MAX
    }
}

impl Binding {
    fn of(request: &UiaRequest<'_>) -> Self {
        let who = request.requester.map(|requester| (requester.user, requester.device));
        let body = if who.is_some() { Sha256::digest(request.body).into() } else { [0; 32] };
        Self { who, target: request.target.to_owned(), body }
    }
}

/// Refuses a password stage with another user than the requester.
fn check_named(accounts: &Accounts, auth: &Map<String, Value>, request: &UiaRequest<'_>) -> Result<()> {
    let is_password = auth.get("type").and_then(Value::as_str) == Some(Stage::Password.name());
    let Some(requester) = request.requester.filter(|_| is_password) else { return Ok(()) };
    // `user` is the form before identifiers existed.
    let named = auth.get("identifier").and_then(|identifier| identifier.get("user")).or_else(|| auth.get("user"));
    let Some(named) = named else { return Ok(()) };
    let localpart = named.as_str().and_then(|named| accounts.localpart_of(named));
    if localpart.as_deref() == Some(requester.user_id.localpart()) {
        return Ok(());
    }
    Err(Error::forbidden("This is another user's name: authenticate as the one who is logged in."))
}

/// The response fields with the reason of a failed stage.
fn failed(message: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("errcode".to_owned(), "M_FORBIDDEN".into());
    fields.insert("error".to_owned(), message.into());
    fields
}

fn text<'a>(auth: &'a Map<String, Value>, field: &str) -> Result<&'a str> {
    auth.get(field)
        .and_then(Value::as_str)
        .ok_or_else(|| refusal(Reason::MissingParam, format!("The proof has no {field:?}.")).into())
}

fn holds_password(body: &[u8]) -> bool {
    let map = serde_json::from_slice::<Map<String, Value>>(body).unwrap_or_default();
    map.keys().any(|key| key.contains("password"))
}
