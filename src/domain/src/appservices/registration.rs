//! What the operator has said about one application service (application-service API, "Registration").

use hearth_base::config::{BaseUrl, Secret};
use regex::Regex;
use ruma::{OwnedUserId, RoomAliasId, UserId};

use super::registrations::TokenHash;

/// An application service, as its registration describes it.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The name that never changes.
    pub id: String,
    /// Where it listens; none if it wants to be told nothing.
    pub url: Option<BaseUrl>,
    /// SHA-256 of the token that it shows to this server.
    pub(super) as_token: TokenHash,
    /// The token that this server shows to it.
    pub hs_token: Secret,
    /// The user that it acts as when it does not say otherwise.
    pub sender: OwnedUserId,
    /// Its users, the sender left out.
    pub users: Namespaces,
    /// Its aliases.
    pub aliases: Namespaces,
    /// The rooms, by id, of which it wants to hear everything.
    pub rooms: Namespaces,
    /// Whether rate limits hold for its users; they never do for its sender.
    pub rate_limited: bool,
    /// The third-party networks that it knows.
    pub protocols: Vec<String>,
    /// Whether it wants to hear of typing, receipts and presence.
    pub receive_ephemeral: bool,
}

impl Registration {
    /// Whether it may act as this user.
    #[must_use]
    pub fn owns_user(&self, user: &UserId) -> bool {
        self.sender == *user || self.users.contain(user.as_str())
    }

    /// Whether nobody else may have this user.
    #[must_use]
    pub fn claims_user(&self, user: &UserId) -> bool {
        self.sender == *user || self.users.claim(user.as_str())
    }

    /// Whether it may make this alias.
    #[must_use]
    pub fn owns_alias(&self, alias: &RoomAliasId) -> bool {
        self.aliases.contain(alias.as_str())
    }

    /// Whether nobody else may make this alias.
    #[must_use]
    pub fn claims_alias(&self, alias: &RoomAliasId) -> bool {
        self.aliases.claim(alias.as_str())
    }
}

/// Namespaces of one kind.
#[derive(Debug, Clone, Default)]
pub struct Namespaces(pub(super) Vec<Namespace>);

/// The ids that a pattern matches.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Whether it is one application service's alone.
    pub exclusive: bool,
    /// Anchored at the beginning of the id and not at its end, as on other servers.
    pub pattern: Regex,
}

impl Namespaces {
    /// Whether an id is in any of them.
    #[must_use]
    pub fn contain(&self, id: &str) -> bool {
        self.0.iter().any(|namespace| namespace.pattern.is_match(id))
    }

    /// Whether an id is in any exclusive one.
    #[must_use]
    pub fn claim(&self, id: &str) -> bool {
        self.0.iter().any(|namespace| namespace.exclusive && namespace.pattern.is_match(id))
    }
}
