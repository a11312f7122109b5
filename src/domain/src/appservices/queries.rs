//! Queries for users and aliases that do not exist (application-service API, "Querying"): a service whose namespace has
//! them creates them on demand.

use hearth_base::boxed;
use hearth_base::limits::domain::APPSERVICE_QUERY_WAIT;
use hearth_core::appservices::Registration;
use hearth_store::tables::{accounts, aliases};
use http::Method;
use ruma::{RoomAliasId, UserId};

use super::Appservices;
use super::request::encoded;

impl Appservices {
    /// Lets a service create a local user of its namespaces who does not exist. Returns when the service has answered,
    /// or after [`APPSERVICE_QUERY_WAIT`]; the caller then looks for the user as if they had always been there.
    #[boxed]
    pub async fn ask_for_user(&self, user_id: &UserId) {
        if !self.any() || !self.core.is_local(user_id) {
            return;
        }
        let candidates = self.candidates(|service| service.claims_user(user_id) || service.owns_user(user_id));
        if candidates.is_empty() {
            return;
        }
        let localpart = user_id.localpart().to_owned();
        let known = self.core.store.read("appservice_user", move |tx| accounts::by_name(tx.tx(), &localpart)).await;
        if matches!(known, Ok(None)) {
            self.ask_each(candidates, &format!("/_matrix/app/v1/users/{}", encoded(user_id.as_str()))).await;
        }
    }

    /// As [`Appservices::ask_for_user`], for an alias of this server.
    #[boxed]
    pub async fn ask_for_alias(&self, alias: &RoomAliasId) {
        if !self.any() || *alias.server_name() != *self.core.server_name {
            return;
        }
        let candidates = self.candidates(|service| service.owns_alias(alias));
        if candidates.is_empty() {
            return;
        }
        let name = alias.to_string();
        let known = self.core.store.read("appservice_alias", move |tx| aliases::find(tx.tx(), &name)).await;
        if matches!(known, Ok(None)) {
            self.ask_each(candidates, &format!("/_matrix/app/v1/rooms/{}", encoded(alias.as_str()))).await;
        }
    }

    fn candidates(&self, owns: impl Fn(&Registration) -> bool) -> Vec<std::sync::Arc<Registration>> {
        let all = self.core.appservices.all().into_iter();
        all.filter(|service| service.url.is_some() && owns(service)).collect()
    }

    /// Asks one service after another until one has created what is asked for.
    async fn ask_each(&self, services: Vec<std::sync::Arc<Registration>>, target: &str) {
        for service in services {
            match self.ask(&service, Method::GET, target, bytes::Bytes::new(), APPSERVICE_QUERY_WAIT).await {
                Ok(answer) if answer.is_ok() => return,
                Ok(answer) if answer.status == 404 => {}
                Ok(answer) => {
                    let error = answer.in_words();
                    tracing::info!(appservice = service.id, error, "An application service refused a query.");
                }
                Err(silence) => {
                    let error = silence.in_words();
                    tracing::info!(appservice = service.id, error, "An application service did not answer a query.");
                }
            }
        }
    }
}
