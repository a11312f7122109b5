//! Local accounts: `/api/v1/users`.

use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use hearth_admin::wire::{
    CreatedUser, DeactivateUser, Device, Done, ListQuery, LoggedOut, NewPassword, NewUser, Page, PasswordSet, SetAdmin,
    SetLocked, UserDetail, UserRoom, UserSummary, paths,
};
use hearth_domain::accounts::Flag;
use hearth_domain::admin::{PageRequest, users};

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
    let admin = &context.app.domain.admin;
    let NewUser { username, password, admin: is_admin, display_name } = new;
    let (user_id, password) = admin.create_user(&username, password, is_admin, display_name).await?;
    let detail = if is_admin { "administrator" } else { "" };
    admin.note(&caller.name, "user.create", user_id.as_str(), detail.to_owned()).await?;
    Ok(Json(CreatedUser { user_id: user_id.into(), password }))
}

async fn set_password(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(new): AdminBody<NewPassword>,
) -> AdminAnswer<PasswordSet> {
    let admin = &context.app.domain.admin;
    let (user_id, password) = admin.reset_password(&user, new.password, new.logout_devices).await?;
    let detail = if new.logout_devices { "logged out everywhere" } else { "" };
    admin.note(&caller.name, "user.password", user_id.as_str(), detail.to_owned()).await?;
    Ok(Json(PasswordSet { password }))
}

async fn deactivate(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(wanted): AdminBody<DeactivateUser>,
) -> AdminAnswer<Done> {
    let domain = &context.app.domain;
    let user_id = domain.admin.user_id(&user)?;
    let account = domain.accounts.account(&user_id).await?;
    domain.deactivate(account.user, &user_id, wanted.erase).await?;
    let detail = if wanted.erase { "erased" } else { "" };
    domain.admin.note(&caller.name, "user.deactivate", user_id.as_str(), detail.to_owned()).await?;
    Ok(Json(Done {}))
}

async fn log_out(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
) -> AdminAnswer<LoggedOut> {
    let domain = &context.app.domain;
    let detail = domain.admin.user(&user).await?;
    domain.accounts.log_out_everywhere(detail.user.sn).await?;
    let devices = detail.devices.len() as u64;
    domain.admin.note(&caller.name, "user.logout", &detail.user.user_id, format!("devices {devices}")).await?;
    Ok(Json(LoggedOut { devices }))
}

async fn set_locked(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(wanted): AdminBody<SetLocked>,
) -> AdminAnswer<Done> {
    let action = if wanted.locked { "user.lock" } else { "user.unlock" };
    set_flag(&context, &caller, &user, Flag::Locked, wanted.locked, action).await
}

async fn set_admin(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    AdminBody(wanted): AdminBody<SetAdmin>,
) -> AdminAnswer<Done> {
    let action = if wanted.admin { "user.grant_admin" } else { "user.revoke_admin" };
    set_flag(&context, &caller, &user, Flag::Admin, wanted.admin, action).await
}

async fn set_flag(
    context: &Context,
    caller: &Caller,
    user: &str,
    flag: Flag,
    on: bool,
    action: &'static str,
) -> AdminAnswer<Done> {
    let domain = &context.app.domain;
    let user_id = domain.admin.user_id(user)?;
    let account = domain.accounts.account(&user_id).await?;
    domain.accounts.set_flag(account.user, flag, on).await?;
    domain.admin.note(&caller.name, action, user_id.as_str(), String::new()).await?;
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
