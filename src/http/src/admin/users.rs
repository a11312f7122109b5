//! Local accounts: `/api/v1/users`.

use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use hearth_admin::wire::{
    CreatedUser, DeactivateUser, Device, Done, ListQuery, LoggedOut, NewPassword, NewUser, Page, PasswordSet, SetAdmin,
    SetLocked, UserDetail, UserRoom, UserSummary, paths,
};
use hearth_domain::accounts::Flag;
use hearth_domain::admin::{PageRequest, UserToCreate, users};

use super::answer::{AdminAnswer, AdminBody, AdminQuery};
use super::{Caller, Context};

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route(paths::USERS, get(list).post(create))
        .route(paths::USER, get(detail))
        .route(paths::USER_PASSWORD, post(set_password))
        .route(paths::USER_DEACTIVATE, post(deactivate))
        .route(paths::USER_LOGOUT, post(log_out))
        .route(paths::USER_LOCKED, put(set_locked))
        .route(paths::USER_ADMIN, put(set_admin))
}

async fn list(
    State(context): State<Context>,
    AdminQuery(query): AdminQuery<ListQuery>,
) -> AdminAnswer<Page<UserSummary>> {
    let page = context.app.domain.admin.users(page_request(query)).await?;
    Ok(Json(Page { items: page.items.into_iter().map(summary).collect(), next: page.next, total: None }))
}

async fn detail(State(context): State<Context>, Path(user): Path<String>) -> AdminAnswer<UserDetail> {
    let users::UserDetail { user, devices, rooms } = context.app.domain.admin.user(&user).await?;
    let device_list = devices.into_iter().map(|device| Device {
        device_id: device.id,
        display_name: device.name,
        last_seen_ms: device.seen.at_ms,
        last_seen_ip: device.seen.ip,
    });
    let rooms = rooms.into_iter().map(|(room_id, name)| UserRoom { room_id, name });
    Ok(Json(UserDetail { summary: summary(user), device_list: device_list.collect(), rooms: rooms.collect() }))
}

async fn create(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    AdminBody(new): AdminBody<NewUser>,
) -> AdminAnswer<CreatedUser> {
    let NewUser { username: name, password, admin, display_name } = new;
    let new = UserToCreate { name, password, admin, display_name };
    let (user_id, password) = context.app.domain.actions.admin_create_user(&caller.name, new).await?;
    Ok(Json(CreatedUser { user_id: user_id.into(), password }))
}

async fn set_password(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(new): AdminBody<NewPassword>,
) -> AdminAnswer<PasswordSet> {
    let actions = &context.app.domain.actions;
    let password = actions.admin_reset_password(&caller.name, &user, new.password, new.logout_devices).await?;
    Ok(Json(PasswordSet { password }))
}

async fn deactivate(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(wanted): AdminBody<DeactivateUser>,
) -> AdminAnswer<Done> {
    context.app.domain.actions.admin_deactivate(&caller.name, &user, wanted.erase).await?;
    Ok(Json(Done {}))
}

async fn log_out(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
) -> AdminAnswer<LoggedOut> {
    let devices = context.app.domain.actions.admin_log_out(&caller.name, &user).await?;
    Ok(Json(LoggedOut { devices }))
}

async fn set_locked(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(wanted): AdminBody<SetLocked>,
) -> AdminAnswer<Done> {
    context.app.domain.actions.admin_set_flag(&caller.name, &user, Flag::Locked, wanted.locked).await?;
    Ok(Json(Done {}))
}

async fn set_admin(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(wanted): AdminBody<SetAdmin>,
) -> AdminAnswer<Done> {
    context.app.domain.actions.admin_set_flag(&caller.name, &user, Flag::Admin, wanted.admin).await?;
    Ok(Json(Done {}))
}

/// A list's query in the domain's words.
pub(super) fn page_request(query: ListQuery) -> PageRequest {
    let ListQuery { from, limit, search } = query;
    PageRequest { from, limit: limit.and_then(|limit| usize::try_from(limit).ok()), search }
}

fn summary(user: users::User) -> UserSummary {
    UserSummary {
        user_id: user.user_id,
        display_name: user.display_name,
        admin: user.admin,
        deactivated: user.deactivated,
        locked: user.locked,
        created_ms: user.created_ms,
        last_seen_ms: user.last_seen_ms,
        devices: user.devices,
        joined_rooms: user.joined_rooms,
        media_bytes: user.media_bytes,
    }
}
