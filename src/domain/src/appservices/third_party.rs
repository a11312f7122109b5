//! Look-ups in third-party networks (client-server API, "Third-party Networks"): the answers of all application
//! services together. A service that does not answer is left out.

use hearth_base::boxed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use hearth_base::{Error, Result};
use hearth_core::appservices::Registration;
use ruma::{RoomAliasId, UserId};
use serde_json::{Map, Value};

use super::Appservices;
use super::request::encoded;

/// What to look for in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThirdPartyKind {
    /// Users.
    User,
    /// Rooms, channels, chats.
    Location,
}

impl ThirdPartyKind {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Location => "location",
        }
    }
}

impl Appservices {
    /// All protocols with their instances.
    #[boxed]
    pub async fn protocols(&self) -> BTreeMap<String, Value> {
        let names: BTreeSet<String> = self.bridges().iter().flat_map(|service| service.protocols.clone()).collect();
        let found = join_all(names.into_iter().map(async |name| {
            let protocol = self.protocol(&name).await.ok();
            protocol.map(|protocol| (name, protocol))
        }));
        found.await.into_iter().flatten().collect()
    }

    /// One protocol, with the instances of all services that bridge it. `M_NOT_FOUND` without an answer.
    #[boxed]
    pub async fn protocol(&self, name: &str) -> Result<Value> {
        let target = format!("/_matrix/app/v1/thirdparty/protocol/{}", encoded(name));
        let mut merged: Option<Map<String, Value>> = None;
        for (service, answer) in self.ask_all(self.bridges_to(name), &target).await {
            let Value::Object(mut protocol) = answer else { continue };
            let instances = protocol.remove("instances");
            let merged = merged.get_or_insert(protocol);
            let all = merged.entry("instances").or_insert_with(|| Value::Array(Vec::new()));
            let (Some(all), Some(Value::Array(instances))) = (all.as_array_mut(), instances) else { continue };
            all.extend(instances.into_iter().map(|instance| with_id(&service, instance)));
        }
        merged.map(Value::Object).ok_or_else(|| unknown(name))
    }

    /// Users or locations of a protocol that match some fields. `M_NOT_FOUND` for protocols that no service bridges.
    #[boxed]
    pub async fn third_party(
        &self,
        kind: ThirdPartyKind,
        protocol: &str,
        fields: &BTreeMap<String, String>,
    ) -> Result<Vec<Value>> {
        let services = self.bridges_to(protocol);
        if services.is_empty() {
            return Err(unknown(protocol));
        }
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let target = format!("/_matrix/app/v1/thirdparty/{}/{}?{}", kind.name(), encoded(protocol), fields.join("&"));
        Ok(lists(self.ask_all(services, &target).await))
    }

    /// The third-party users of a user id.
    #[boxed]
    pub async fn third_party_of_user(&self, user_id: &UserId) -> Vec<Value> {
        let services = self.bridges().into_iter().filter(|service| service.owns_user(user_id)).collect();
        let target = format!("/_matrix/app/v1/thirdparty/user?userid={}", encoded(user_id.as_str()));
        lists(self.ask_all(services, &target).await)
    }

    /// The third-party locations of an alias.
    #[boxed]
    pub async fn third_party_of_alias(&self, alias: &RoomAliasId) -> Vec<Value> {
        let services = self.bridges().into_iter().filter(|service| service.owns_alias(alias)).collect();
        let target = format!("/_matrix/app/v1/thirdparty/location?alias={}", encoded(alias.as_str()));
        lists(self.ask_all(services, &target).await)
    }

    /// The services that can be asked.
    fn bridges(&self) -> Vec<Arc<Registration>> {
        self.core.appservices.all().into_iter().filter(|service| service.url.is_some()).collect()
    }

    fn bridges_to(&self, protocol: &str) -> Vec<Arc<Registration>> {
        let bridges = self.bridges().into_iter();
        bridges.filter(|service| service.protocols.iter().any(|known| known == protocol)).collect()
    }

    /// Asks services at the same time; those without a usable answer are left out.
    async fn ask_all(&self, services: Vec<Arc<Registration>>, target: &str) -> Vec<(Arc<Registration>, Value)> {
        let answers = join_all(services.into_iter().map(async |service| {
            let answer = self.query(&service, target).await;
            match answer {
                Ok(answer) => answer.map(|answer| (service, answer)),
                Err(error) => {
                    let error = error.for_operator();
                    tracing::info!(appservice = service.id, error, "An application service did not answer a look-up.");
                    None
                }
            }
        }));
        answers.await.into_iter().flatten().collect()
    }
}

/// An instance with the id by which the room directory knows it.
fn with_id(service: &Registration, mut instance: Value) -> Value {
    if let Some(network) = instance["network_id"].as_str().map(str::to_owned) {
        instance["instance_id"] = format!("{}|{network}", service.id).into();
    }
    instance
}

fn lists(answers: Vec<(Arc<Registration>, Value)>) -> Vec<Value> {
    let entries = answers.into_iter().filter_map(|(_, answer)| match answer {
        Value::Array(entries) => Some(entries),
        _ => None,
    });
    entries.flatten().filter(Value::is_object).collect()
}

fn unknown(protocol: &str) -> Error {
    Error::not_found(format!("This server has no bridge to {protocol:?}."))
}
