//! User-interactive authentication: before something that cannot be undone, the user proves again who they are
//! (client-server API, "User-Interactive Authentication API").
//!
//! For a handler it is one line. Its route is made with `Bounds::...().uia()`, which takes `auth` out of the body before the
//! body is parsed; then
//!
//! ```text
//! app.domain.uia.check(request.uia(uia::PASSWORD)).await?;
//! ```
//!
//! returns when the proof is complete; until then its error is the answer with flows and session. `Passed` says what was
//! shown; most callers have no use for it.
//!
//! A session belongs to the user and device that began it, to the method and path, and to the body without `auth`: a proof
//! for one thing is none for another. A request that has nothing but `auth` is taken to repeat the body of the session's
//! first one. Sessions are in memory, for ten minutes, a bounded number; bodies with passwords in them are kept as a hash
//! only and must be sent again.
//!
//! Registration has no user yet: there the body may still change, and what a later request leaves out is taken from the first.
//! A session that has made an account remembers which, for a client that never got the answer and asks again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use hearth_base::{Error, Millis, Reason, Result, error::refusal, limits};
use hearth_store::ids::{DeviceSn, UserSn};
use parking_lot::Mutex;
use ruma::{OwnedUserId, UserId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::accounts::Accounts;
use crate::turns::{KeyedLocks, KeyedPermit};
use crate::{Core, Requester};

/// Random characters of a session id.
const SESSION_CHARS: usize = 24;
/// The largest body that is kept for a request that does not repeat it, in bytes.
const BODY_KEPT_BYTES_MAX: usize = 4_096;

/// One step of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `m.login.password`: the password of the user who asks.
    Password,
    /// `m.login.dummy`: nothing.
    Dummy,
    /// `m.login.registration_token`: an invitation.
    RegistrationToken,
}

/// Alternatives, each a series of stages.
pub type Flows = &'static [&'static [Stage]];

/// The user's password.
pub const PASSWORD: Flows = &[&[Stage::Password]];
/// Nothing: for what must have the form of a proof.
pub const DUMMY: Flows = &[&[Stage::Dummy]];
/// An invitation.
pub const REGISTRATION_TOKEN: Flows = &[&[Stage::RegistrationToken]];
/// Nothing, or an invitation that makes more of the account.
pub const DUMMY_OR_TOKEN: Flows = &[&[Stage::Dummy], &[Stage::RegistrationToken]];

impl Stage {
    /// The stage's name in the protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "m.login.password",
            Self::Dummy => "m.login.dummy",
            Self::RegistrationToken => "m.login.registration_token",
        }
    }

    /// The stage of a name; none for stages that this server does not have.
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

/// A request that needs a proof.
#[derive(Debug, Clone, Copy)]
pub struct UiaRequest<'a> {
    /// Who asks; none when registering.
    pub requester: Option<&'a Requester>,
    /// Method and path, such as `DELETE /_matrix/client/v3/devices/ABC`.
    pub target: &'a str,
    /// The body without `auth`.
    pub body: &'a [u8],
    /// What the body had as `auth`.
    pub auth: Option<&'a Value>,
    /// What counts as a proof.
    pub flows: Flows,
}

/// A proof that is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// The invitation that was shown. It is valid, and not used up by this.
    pub registration_token: Option<String>,
    /// The session that was completed.
    pub session: String,
}

/// One request's turn with a registration's session; the next begins when it is dropped.
#[derive(Debug)]
pub struct RegistrationTurn {
    _turn: KeyedPermit,
}

/// What a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    who: Option<(UserSn, DeviceSn)>,
    target: String,
    /// Of the body without `auth`; zeros when registering.
    body: [u8; 32],
}

#[derive(Debug, Clone)]
struct Session {
    binding: Binding,
    begun_ms: Millis,
    completed: HashSet<Stage>,
    registration_token: Option<String>,
    body: Option<Kept>,
    /// It has been used, and is only remembered for what it made.
    is_spent: bool,
    registered: Option<OwnedUserId>,
}

/// A body without `auth`. That of a registration has a password in it, which must not end up in a log.
#[derive(Clone)]
struct Kept(Vec<u8>);

impl Kept {
    /// The rest of a body, which a client that repeats its request relies on.
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

#[derive(Debug, Default)]
struct Sessions {
    open: HashMap<String, Session>,
    /// Oldest first; may name sessions that are gone.
    order: VecDeque<String>,
}

/// The open proofs.
#[derive(Debug)]
pub struct Uia {
    core: Arc<Core>,
    accounts: Arc<Accounts>,
    sessions: Mutex<Sessions>,
    registering: KeyedLocks<String>,
}

impl Uia {
    /// On the foundation.
    #[must_use]
    pub fn new(core: Arc<Core>, accounts: Arc<Accounts>) -> Self {
        Self { core, accounts, sessions: Mutex::default(), registering: KeyedLocks::default() }
    }

    /// As [`Uia::check`], for the few things that application services may do for their users, who have no password: there
    /// the service's token is the proof (client-server API 1.17: deleting devices, and cross-signing keys).
    pub async fn check_unless_service(&self, request: UiaRequest<'_>) -> Result<Passed> {
        if request.requester.is_some_and(|requester| requester.appservice.is_some()) {
            return Ok(Passed::default());
        }
        self.check(request).await
    }

    /// Returns when the request comes with, or completes, a proof. Refuses with [`Reason::Uia`], whose fields are the answer
    /// to the client, until then; with `M_FORBIDDEN` when a proof for something else, or of another user, is shown.
    pub async fn check(&self, request: UiaRequest<'_>) -> Result<Passed> {
        let binding = Binding::of(&request);
        let Some(auth) = request.auth.and_then(Value::as_object) else {
            let id = self.begin(binding, request.body);
            return Err(self.challenge(&id, request.flows, None));
        };
        let id = match auth.get("session").and_then(Value::as_str) {
            None => self.begin(binding, request.body),
            Some(id) => match self.session(id) {
                Some(session) if session.binding == binding => id.to_owned(),
                Some(_) => {
                    let message = "This proof was begun for another request: start anew, without a session.";
                    return Err(Error::forbidden(message));
                }
                None => {
                    let id = self.begin(binding, request.body);
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
        self.accounts.check_password_of(requester.user, text(auth, "password")?).await
    }

    /// Completes a stage from the web page that stands in for clients that do not know it. Says whether it did.
    pub async fn complete_on_page(&self, id: &str, stage: Stage, token: Option<&str>) -> Result<bool> {
        let good = match (stage, token) {
            (Stage::Dummy, _) => true,
            (Stage::RegistrationToken, Some(token)) => self.accounts.registration_token_valid(token).await?,
            _ => false,
        };
        Ok(good && self.complete(id, stage, token.filter(|_| stage == Stage::RegistrationToken)))
    }

    /// Whether there is such a session.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.session(id).is_some()
    }

    /// Takes `auth` out of a body. A body with nothing else becomes that of the session's first request, if it is known.
    /// What is not a JSON object stays as it is; parsing it will say so.
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

    /// Lets one request at a time go on with a registration's session: a client that asks again while its first request is
    /// still being worked on waits for what comes of that.
    pub async fn registration_turn(&self, session: Option<&str>) -> Option<RegistrationTurn> {
        match session.filter(|id| self.sessions.lock().open.contains_key(*id)) {
            Some(id) => Some(RegistrationTurn { _turn: self.registering.take(id.to_owned()).await }),
            None => None,
        }
    }

    /// The account that was made with a session.
    #[must_use]
    pub fn registered(&self, session: &str) -> Option<OwnedUserId> {
        self.any_session(session)?.registered
    }

    /// Remembers the account that was made with a session.
    pub fn note_registered(&self, session: &str, user_id: &UserId) {
        if let Some(session) = self.sessions.lock().open.get_mut(session) {
            session.registered = Some(user_id.to_owned());
        }
    }

    fn session(&self, id: &str) -> Option<Session> {
        self.any_session(id).filter(|session| !session.is_spent)
    }

    /// A session, also one that has been used.
    fn any_session(&self, id: &str) -> Option<Session> {
        let now_ms = self.core.now_ms();
        self.sessions.lock().open.get(id).filter(|session| session.lives(now_ms)).cloned()
    }

    fn begin(&self, binding: Binding, body: &[u8]) -> String {
        let (id, now_ms) = (self.core.seams.random.alphanumeric(SESSION_CHARS), self.core.now_ms());
        // Who registers has no account yet that the password in the body could open.
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
        let mut sessions = self.sessions.lock();
        sessions.reserve(now_ms);
        sessions.order.push_back(id.clone());
        sessions.open.insert(id.clone(), session);
        id
    }

    /// Notes a stage; says whether there is such a session.
    fn complete(&self, id: &str, stage: Stage, token: Option<&str>) -> bool {
        let mut sessions = self.sessions.lock();
        let Some(session) = sessions.open.get_mut(id) else { return false };
        session.completed.insert(stage);
        if let Some(token) = token {
            session.registration_token = Some(token.to_owned());
        }
        true
    }

    /// Ends a session that completes one of the flows: it works once.
    fn finish(&self, id: &str, flows: Flows) -> Option<Passed> {
        let mut sessions = self.sessions.lock();
        let session = sessions.open.get_mut(id).filter(|session| !session.is_spent)?;
        if !flows.iter().any(|flow| flow.iter().all(|stage| session.completed.contains(stage))) {
            return None;
        }
        let passed = Passed { registration_token: session.registration_token.take(), session: id.to_owned() };
        if session.binding.who.is_none() {
            session.is_spent = true;
            session.body = session.body.take().and_then(Kept::without_password);
        } else {
            sessions.open.remove(id);
        }
        Some(passed)
    }

    fn challenge(&self, id: &str, flows: Flows, why: Option<Map<String, Value>>) -> Error {
        let mut refusal = refusal(Reason::Uia, "This needs a proof of who you are.");
        let names = |flow: &&[Stage]| json!({ "stages": flow.iter().map(|stage| stage.name()).collect::<Vec<_>>() });
        let completed = self.session(id).map(|session| session.completed).unwrap_or_default();
        // In the order of the flows, so that equal states look equal.
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

impl Sessions {
    /// Forgets what is finished or too old at the old end, and the oldest if there are too many.
    fn reserve(&mut self, now_ms: Millis) {
        while let Some(oldest) = self.order.front() {
            let lives = self.open.get(oldest).is_some_and(|session| session.lives(now_ms));
            if lives && self.order.len() < limits::UIA_SESSIONS_MAX {
                return;
            }
            if let Some(oldest) = self.order.pop_front() {
                self.open.remove(&oldest);
            }
        }
    }
}

impl Binding {
    fn of(request: &UiaRequest<'_>) -> Self {
        let who = request.requester.map(|requester| (requester.user, requester.device));
        let body = if who.is_some() { Sha256::digest(request.body).into() } else { [0; 32] };
        Self { who, target: request.target.to_owned(), body }
    }
}

/// Refuses a password stage that names another user than the one who asks.
fn check_named(accounts: &Accounts, auth: &Map<String, Value>, request: &UiaRequest<'_>) -> Result<()> {
    let is_password = auth.get("type").and_then(Value::as_str) == Some(Stage::Password.name());
    let Some(requester) = request.requester.filter(|_| is_password) else { return Ok(()) };
    // `user` is what clients sent before there were identifiers.
    let named = auth.get("identifier").and_then(|identifier| identifier.get("user")).or_else(|| auth.get("user"));
    let Some(named) = named else { return Ok(()) };
    let localpart = named.as_str().and_then(|named| accounts.localpart_of(named));
    if localpart.as_deref() == Some(requester.user_id.localpart()) {
        return Ok(());
    }
    Err(Error::forbidden("This is another user's name: authenticate as the one who is logged in."))
}

/// The fields that name the reason why a stage failed.
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
