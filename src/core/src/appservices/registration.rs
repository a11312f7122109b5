//! One application service's registration (application-service API, "Registration").

use hearth_base::config::{BaseUrl, Secret};
use regex::Regex;
use ruma::{OwnedUserId, RoomAliasId, UserId};

use super::registrations::TokenHash;

/// A registered application service.
#[derive(Debug, Clone)]
pub struct Registration {
    /// `id`: it never changes.
    pub id: String,
    /// `url`: where to send transactions; `None` for no traffic.
    pub url: Option<BaseUrl>,
    /// SHA-256 of `as_token`, with which the service authenticates here.
    pub(super) as_token: TokenHash,
    /// `hs_token`, with which this server authenticates to the service.
    pub hs_token: Secret,
    /// `sender_localpart` as a user ID: the service's own user.
    pub sender: OwnedUserId,
    /// `namespaces.users`, without the sender.
    pub users: Namespaces,
    /// `namespaces.aliases`.
    pub aliases: Namespaces,
    /// `namespaces.rooms`: it receives all events of these rooms, by ID.
    pub rooms: Namespaces,
    /// Whether rate limits apply to its users; they never apply to its sender.
    pub rate_limited: bool,
    /// `protocols`: the third-party networks that it bridges.
    pub protocols: Vec<String>,
    /// Whether it receives typing notifications, receipts and presence.
    pub receive_ephemeral: bool,
    /// Whether it receives the to-device messages of its users (MSC4203, before that part of MSC2409).
    pub receive_to_device: bool,
    /// Whether its transactions have device lists and counts of one-time keys (MSC3202).
    pub receive_key_changes: bool,
}

impl Registration {
    /// Whether it may act as this user.
    #[must_use]
    pub fn owns_user(&self, user: &UserId) -> bool {
        self.sender == *user || self.users.contain(user.as_str())
    }

    /// Whether the user ID is reserved for this service.
    #[must_use]
    pub fn claims_user(&self, user: &UserId) -> bool {
        self.sender == *user || self.users.claim(user.as_str())
    }

    /// Whether it may create this alias.
    #[must_use]
    pub fn owns_alias(&self, alias: &RoomAliasId) -> bool {
        self.aliases.contain(alias.as_str())
    }

    /// Whether the alias is reserved for this service.
    #[must_use]
    pub fn claims_alias(&self, alias: &RoomAliasId) -> bool {
        self.aliases.claim(alias.as_str())
    }
}

/// What anchors the pattern of a namespace.
const ANCHORED: (&str, &str) = (r"\A(?:", ")");

/// The pattern of a namespace, from the regular expression of its registration.
pub(super) fn anchored(regex: &str) -> String {
    let (start, end) = ANCHORED;
    format!("{start}{regex}{end}")
}

/// Namespaces of one kind.
#[derive(Debug, Clone, Default)]
pub struct Namespaces(pub(super) Vec<Namespace>);

/// A namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Whether no other service or user may use the IDs in it.
    pub exclusive: bool,
    /// The pattern, anchored at the start of the ID but not at its end, as on other servers.
    pub pattern: Regex,
}

impl Namespace {
    /// The regular expression, as the registration has it.
    #[must_use]
    pub fn regex(&self) -> &str {
        let (start, end) = ANCHORED;
        let pattern = self.pattern.as_str();
        pattern.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).unwrap_or(pattern)
    }
}

impl Namespaces {
    /// Each of them, in the order of the registration.
    pub fn iter(&self) -> impl Iterator<Item = &Namespace> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any namespace contains an ID.
    #[must_use]
    pub fn contain(&self, id: &str) -> bool {
        self.0.iter().any(|namespace| namespace.pattern.is_match(id))
    }

    /// Whether any exclusive namespace contains an ID.
    #[must_use]
    pub fn claim(&self, id: &str) -> bool {
        self.0.iter().any(|namespace| namespace.exclusive && namespace.pattern.is_match(id))
    }
}
