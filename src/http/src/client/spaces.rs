//! The space hierarchy, and summaries of single rooms.

use hearth_base::{Result, limits};
use hearth_domain::rooms::read::hierarchy::{Hierarchy, HierarchyQuery};
use hearth_domain::rooms::read::summary::Summary;
use ruma::api::client::room::get_summary;
use ruma::api::client::space::get_hierarchy;

use super::amount;
use crate::App;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The paths of room summaries from the proposal, in addition to those that ruma lists.
const SUMMARY_PATHS: &[&str] = &[
    "/_matrix/client/unstable/im.nheko.summary/summary/{room_id_or_alias}",
    "/_matrix/client/unstable/im.nheko.summary/room_summary/{room_id_or_alias}",
];

/// The endpoints of this file. Requests that may query other servers have a rate limit, since any client can cause
/// them.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(hierarchy).rate(Rate::Other).all_but_locked(),
        Endpoint::new(summary).also_at(SUMMARY_PATHS).rate(Rate::Other).all_but_locked(),
    ]
}

async fn hierarchy(app: App, request: Ruma<get_hierarchy::v1::Request>) -> Result<Json<Hierarchy>> {
    let question =
        HierarchyQuery { suggested_only: request.suggested_only, depth_max: request.max_depth.map(Into::into) };
    let limit = request.limit.map_or(limits::HIERARCHY_PAGE_ROOMS_MAX, amount);
    let (space, from) = (request.room_id.clone(), request.from.clone());
    Ok(Json(app.domain.actions.hierarchy(request.user()?, space, question, from, limit).await?))
}

async fn summary(app: App, request: Ruma<get_summary::v1::Request>) -> Result<Json<Summary>> {
    let name = request.room_id_or_alias.clone();
    Ok(Json(app.domain.actions.summary(request.call.requester.as_ref(), name, request.via.clone()).await?))
}
