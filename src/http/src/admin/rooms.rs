//! Rooms: `/api/v1/rooms`.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use hearth_admin::wire::{ListQuery, Page, RoomDetail, RoomMember, RoomSummary, paths};
use hearth_domain::admin::rooms;

use super::Context;
use super::answer::{AdminAnswer, AdminQuery};
use super::users::page_request;

pub(super) fn routes() -> Router<Context> {
    Router::new().route(paths::ROOMS, get(list)).route(paths::ROOM, get(detail))
}

async fn list(
    State(context): State<Context>,
    AdminQuery(query): AdminQuery<ListQuery>,
) -> AdminAnswer<Page<RoomSummary>> {
    let page = context.app.domain.admin.rooms(page_request(query)).await?;
    Ok(Json(Page { items: page.items.into_iter().map(summary).collect(), next: page.next, total: None }))
}

async fn detail(State(context): State<Context>, Path(room): Path<String>) -> AdminAnswer<RoomDetail> {
    let rooms::RoomDetail { room, topic, join_rule, members } = context.app.domain.admin.room(&room).await?;
    let members = members.into_iter().map(|member| RoomMember {
        user_id: member.user_id,
        display_name: member.display_name,
        power_level: member.power_level,
    });
    Ok(Json(RoomDetail { summary: summary(room), topic, join_rule, members: members.collect() }))
}

fn summary(room: rooms::Room) -> RoomSummary {
    RoomSummary {
        room_id: room.room_id,
        name: room.name,
        canonical_alias: room.canonical_alias,
        version: room.version,
        joined_members: room.joined_members,
        local_members: room.local_members,
        events: room.events,
        encrypted: room.encrypted,
        public: room.public,
        creator: room.creator,
    }
}
