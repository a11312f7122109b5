//! The relay for calls: `/api/v1/relay`.

use hearth_admin::wire::{
    Done, RelayAllocation, RelayCheck, RelayCheckList, RelayEnded, RelayRefusals, RelayStatus, RelayUser, paths,
};
use hearth_base::{Error, Result};
use hearth_domain::calls::{RelayView, TransportCheck};
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, paths::RELAY, status),
        endpoint(Method::DELETE, paths::RELAY_ALLOCATION, end),
        endpoint(Method::DELETE, paths::RELAY_USER, end_all),
        endpoint(Method::POST, paths::RELAY_TEST, test),
    ]
}

async fn status(app: App, _: Call) -> Result<Json<RelayStatus>> {
    let calls = &app.domain.calls;
    let status = match calls.view().await {
        Some(view) => shown(view),
        None => RelayStatus {
            absence: calls.absence().map(|absence| absence.to_string()),
            uris: calls.other_uris().to_vec(),
            ..RelayStatus::default()
        },
    };
    Ok(Json(RelayStatus { now_ms: app.domain.core.now_ms(), ..status }))
}

async fn end(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    app.domain.actions.admin_end_allocation(&caller.name, call.param(0)).await?;
    Ok(Json(Done::default()))
}

async fn end_all(app: App, call: Call) -> Result<Json<RelayEnded>> {
    let caller = call.operator()?;
    let allocations = app.domain.actions.admin_end_allocations(&caller.name, call.param(0)).await?;
    Ok(Json(RelayEnded { allocations }))
}

async fn test(app: App, _: Call) -> Result<Json<RelayCheckList>> {
    let domain = &app.domain;
    let sfu = domain.rtc.check().await;
    if let Some(absence) = domain.calls.absence().filter(|_| sfu.is_none()) {
        return Err(Error::not_found(format!("No relay runs here, so there is nothing to test. {absence}")));
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
