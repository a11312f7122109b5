//! Other homeservers: `/api/v1/federation/destinations`.

use hearth_admin::wire::{Destination, ListQuery, Page, paths};
use hearth_base::Result;
use hearth_domain::federation::outbox;
use http::Method;

use super::endpoint;
use super::users::page_request;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, paths::DESTINATIONS, list),
        endpoint(Method::GET, paths::DESTINATION, detail),
        endpoint(Method::POST, paths::DESTINATION_RETRY, retry),
    ]
}

async fn list(app: App, call: Call) -> Result<Json<Page<Destination>>> {
    let query: ListQuery = call.query()?;
    let page = app.domain.federation.destinations(page_request(query)).await?;
    Ok(Json(Page { items: page.items.into_iter().map(shown).collect(), next: page.next, total: None }))
}

async fn detail(app: App, call: Call) -> Result<Json<Destination>> {
    let server = call.param(0);
    Ok(Json(shown(app.domain.federation.destination(server).await?)))
}

async fn retry(app: App, call: Call) -> Result<Json<Destination>> {
    let caller = call.operator()?;
    Ok(Json(shown(app.domain.actions.admin_retry_destination(&caller.name, call.param(0)).await?)))
}

fn shown(destination: outbox::Destination) -> Destination {
    Destination {
        server_name: destination.name,
        reachable: destination.reachable,
        last_success_ms: destination.last_success_ms,
        failing_since_ms: destination.failing_since_ms,
        failures: destination.failures,
        retry_at_ms: destination.retry_at_ms,
        reason: destination.reason,
        left_out: destination.left_out,
        left_out_reason: destination.left_out_reason,
        given_up: destination.given_up.count,
        given_up_at_ms: destination.given_up.at_ms,
        given_up_reason: destination.given_up.reason,
        queued_events: destination.queued_events as u64,
        queued_edus: destination.queued_edus as u64,
        sending: destination.sending,
    }
}
