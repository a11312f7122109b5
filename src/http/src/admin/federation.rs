//! Other homeservers: `/api/v1/federation/destinations`.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hearth_admin::wire::{Destination, ListQuery, Page, paths};
use hearth_domain::federation::outbox;

use super::answer::{AdminAnswer, AdminQuery};
use super::users::page_request;
use super::{Caller, Context};

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route(paths::DESTINATIONS, get(list))
        .route(paths::DESTINATION, get(detail))
        .route(paths::DESTINATION_RETRY, post(retry))
}

async fn list(
    State(context): State<Context>,
    AdminQuery(query): AdminQuery<ListQuery>,
) -> AdminAnswer<Page<Destination>> {
    let page = context.app.domain.federation.destinations(page_request(query)).await?;
    Ok(Json(Page { items: page.items.into_iter().map(shown).collect(), next: page.next, total: None }))
}

async fn detail(State(context): State<Context>, Path(server): Path<String>) -> AdminAnswer<Destination> {
    Ok(Json(shown(context.app.domain.federation.destination(&server).await?)))
}

async fn retry(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(server): Path<String>,
) -> AdminAnswer<Destination> {
    Ok(Json(shown(context.app.domain.actions.admin_retry_destination(&caller.name, &server).await?)))
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
        queued_events: destination.queued_events as u64,
        queued_edus: destination.queued_edus as u64,
        sending: destination.sending,
    }
}
