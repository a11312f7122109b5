//! The relay for calls: `/api/v1/relay`.

use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use hearth_admin::wire::{
    Done, RelayAllocation, RelayCheck, RelayCheckList, RelayEnded, RelayRefusals, RelayStatus, RelayUser, paths,
};
use hearth_base::Error;
use hearth_domain::calls::{RelayView, TransportCheck};

use super::answer::AdminAnswer;
use super::{Caller, Context};

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route(paths::RELAY, get(status))
        .route(paths::RELAY_ALLOCATION, delete(end))
        .route(paths::RELAY_USER, delete(end_all))
        .route(paths::RELAY_TEST, post(test))
}

async fn status(State(context): State<Context>) -> AdminAnswer<RelayStatus> {
    let calls = &context.app.domain.calls;
    let status = match calls.view().await {
        Some(view) => shown(view),
        None => RelayStatus {
            absence: calls.absence().map(|absence| absence.to_string()),
            uris: calls.other_uris().to_vec(),
            ..RelayStatus::default()
        },
    };
    Ok(Json(RelayStatus { now_ms: context.app.domain.core.now_ms(), ..status }))
}

async fn end(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> AdminAnswer<Done> {
    context.app.domain.actions.admin_end_allocation(&caller.name, &id).await?;
    Ok(Json(Done::default()))
}

async fn end_all(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
) -> AdminAnswer<RelayEnded> {
    let allocations = context.app.domain.actions.admin_end_allocations(&caller.name, &user).await?;
    Ok(Json(RelayEnded { allocations }))
}

async fn test(State(context): State<Context>) -> AdminAnswer<RelayCheckList> {
    let domain = &context.app.domain;
    let sfu = domain.rtc.check().await;
    if let Some(absence) = domain.calls.absence().filter(|_| sfu.is_none()) {
        return Err(Error::not_found(format!("No relay runs here, so there is nothing to test. {absence}")).into());
    }
    let items = domain.calls.check().await.into_iter().chain(sfu).map(checked).collect();
    Ok(Json(RelayCheckList { items }))
}

fn checked(one: TransportCheck) -> RelayCheck {
    let TransportCheck { uri, works, message, round_trip, lost } = one;
    let round_trip_ms = round_trip.map(|time| time.as_secs_f64() * 1_000.0);
    RelayCheck { uri, works, message, round_trip_ms, lost }
}

fn shown(view: RelayView) -> RelayStatus {
    let allocations = view.allocations.into_iter().map(|one| RelayAllocation {
        id: one.id.to_string(),
        user_id: one.user,
        client: one.client.to_string(),
        transport: format!("{:?}", one.transport).to_lowercase(),
        relayed: one.relayed.iter().map(ToString::to_string).collect(),
        peers: one.peers.iter().map(ToString::to_string).collect(),
        age_s: one.age_s,
        packets_out: one.to_peers.packets,
        bytes_out: one.to_peers.bytes,
        packets_in: one.to_clients.packets,
        bytes_in: one.to_clients.bytes,
    });
    let allocations: Vec<RelayAllocation> = allocations.collect();
    let users = view.users.into_iter().map(|user| {
        let held = allocations.iter().filter(|one| one.user_id == user.user).map(|one| one.bytes_out + one.bytes_in);
        let relayed_bytes = user.to_peers.bytes + user.to_clients.bytes + held.sum::<u64>();
        RelayUser { user_id: user.user, allocations: user.allocations, ended: user.ended, relayed_bytes }
    });
    let refused = view.refused.into_iter().map(|(reason, count)| RelayRefusals { reason: reason.to_owned(), count });
    RelayStatus {
        running: true,
        uris: view.uris,
        public: view.public.iter().map(ToString::to_string).collect(),
        warnings: view.warnings,
        users: users.collect(),
        allocations,
        refused: refused.collect(),
        ..RelayStatus::default()
    }
}
