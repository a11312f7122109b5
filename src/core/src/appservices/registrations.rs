//! All registered application services: lookup by token and by namespace.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::{Reason, Result, error::refuse, limits};
use parking_lot::{Mutex, RwLock};
use ruma::{RoomAliasId, UserId};
use sha2::{Digest, Sha256};

use super::Registration;

/// SHA-256 of a token.
pub(super) type TokenHash = [u8; 32];

/// All registrations. A reload replaces them as a whole; who holds one keeps it.
#[derive(Debug, Default)]
pub struct Registrations {
    set: RwLock<Arc<Set>>,
    /// The services, by ID, for whose users to-device messages have arrived since they were last looked for.
    mail: Mutex<HashSet<String>>,
}

#[derive(Debug, Default)]
struct Set {
    all: Vec<Arc<Registration>>,
    by_token: HashMap<TokenHash, Arc<Registration>>,
}

/// Tokens are compared by hash, so that the time of a lookup reveals nothing about them.
pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

impl Registrations {
    /// Builds the set; the caller has checked that IDs and tokens are unique.
    pub(super) fn new(all: Vec<Registration>) -> Self {
        let all: Vec<_> = all.into_iter().map(Arc::new).collect();
        let by_token = all.iter().map(|service| (service.as_token, Arc::clone(service))).collect();
        Self { set: RwLock::new(Arc::new(Set { all, by_token })), mail: Mutex::default() }
    }

    /// Takes over the registrations of `new`.
    pub fn replace(&self, new: Self) {
        *self.set.write() = new.set.into_inner();
    }

    fn current(&self) -> Arc<Set> {
        Arc::clone(&self.set.read())
    }

    /// Whether there are no registrations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.read().all.is_empty()
    }

    /// All registrations.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Registration>> {
        self.set.read().all.clone()
    }

    /// The service with this ID.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Arc<Registration>> {
        self.set.read().all.iter().find(|service| service.id == id).cloned()
    }

    /// Notes that a to-device message for a local user was stored. Called after the commit.
    pub fn note_to_device(&self, user: &UserId) {
        if self.is_empty() {
            return;
        }
        let current = self.current();
        let receivers = current.all.iter().filter(|service| service.receive_to_device && service.owns_user(user));
        self.mail.lock().extend(receivers.map(|service| service.id.clone()));
    }

    /// Whether to-device messages may have arrived for a service's users since the last call.
    #[must_use]
    pub fn take_to_device(&self, id: &str) -> bool {
        self.mail.lock().remove(id)
    }

    /// The service with this token.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<Arc<Registration>> {
        if self.is_empty() || token.len() > limits::APPSERVICE_TOKEN_BYTES_MAX {
            return None;
        }
        self.set.read().by_token.get(&hash(token)).cloned()
    }

    /// Refuses with `M_EXCLUSIVE` a user ID that is reserved for another service than `by` (`None` for ordinary users),
    /// or that is outside the namespaces of `by`.
    pub fn check_user(&self, user: &UserId, by: Option<&Registration>) -> Result<()> {
        let owns = by.is_none_or(|by| by.owns_user(user));
        self.check("user name", owns, by, |service| service.claims_user(user))
    }

    /// As [`Registrations::check_user`], for an alias.
    pub fn check_alias(&self, alias: &RoomAliasId, by: Option<&Registration>) -> Result<()> {
        let owns = by.is_none_or(|by| by.owns_alias(alias));
        self.check("alias", owns, by, |service| service.claims_alias(alias))
    }

    fn check(
        &self,
        what: &str,
        owns: bool,
        by: Option<&Registration>,
        claims: impl Fn(&Registration) -> bool,
    ) -> Result<()> {
        if !owns {
            let message =
                format!("This {what} is not in the namespaces of the application service: see its registration.");
            return Err(refuse(Reason::Exclusive, message));
        }
        let current = self.current();
        let mut others = current.all.iter().filter(|service| by.is_none_or(|by| by.id != service.id));
        if others.any(|service| claims(service)) {
            let message = format!("This {what} belongs to a bridge or bot of this server: choose another one.");
            return Err(refuse(Reason::Exclusive, message));
        }
        Ok(())
    }
}
