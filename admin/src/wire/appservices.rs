//! Application services and the state of their deliveries: `/api/v1/appservices`.

use serde::{Deserialize, Serialize};

/// An application service: a row of `GET /api/v1/appservices`, and the response for a single one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appservice {
    /// The id of its registration.
    pub id: String,
    /// Its own user.
    pub sender: String,
    /// Where it is reached. Absent: it receives nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether it was added while the server ran, and not from a file.
    #[serde(default)]
    pub added: bool,
    /// Whether an administrator has stopped its deliveries.
    #[serde(default)]
    pub disabled: bool,
    /// Failures since the last success.
    #[serde(default)]
    pub failures: u32,
    /// Time of the last transaction that it accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_ms: Option<u64>,
    /// Reason of the last failure since the server started, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Time of that failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_ms: Option<u64>,
    /// Time of the next attempt. A ping that succeeds triggers an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<u64>,
    /// While it is away or disabled: how many events of all rooms have come since, at most 10,000. Those for it are
    /// fewer.
    #[serde(default)]
    pub behind_events: u64,
    /// Which users, aliases and rooms are its own.
    #[serde(default)]
    pub namespaces: AppserviceNamespaces,
}

/// The namespaces of a registration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppserviceNamespaces {
    /// User ids.
    #[serde(default)]
    pub users: Vec<AppserviceNamespace>,
    /// Room aliases.
    #[serde(default)]
    pub aliases: Vec<AppserviceNamespace>,
    /// Room ids.
    #[serde(default)]
    pub rooms: Vec<AppserviceNamespace>,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppserviceNamespace {
    /// The regular expression, as the registration has it.
    pub regex: String,
    /// Whether no other user or service may use the ids in it.
    pub exclusive: bool,
}

/// All application services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppserviceList {
    /// In the order of their files.
    pub items: Vec<Appservice>,
}

/// A registration to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAppservice {
    /// The text of the registration file.
    pub registration: String,
}

/// Stops deliveries to an application service, or resumes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAppserviceDisabled {
    /// Whether deliveries stop.
    pub disabled: bool,
}

/// The result of a ping that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppservicePing {
    /// How long the answer took.
    pub duration_ms: u64,
}
