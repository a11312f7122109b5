//! Local accounts: `/api/v1/users`.

use hearth_admin::wire::{
    CreatedUser, DeactivateUser, Device, Done, ListQuery, LoggedOut, NewPassword, NewUser, Page, PasswordSet, SetAdmin,
    SetLocked, UserDetail, UserQuota, UserRoom, UserSummary, paths,
};
use hearth_base::Result;
use hearth_domain::accounts::Flag;
use hearth_domain::admin::{PageRequest, UserToCreate, users};
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, paths::USERS, list),
        endpoint(Method::POST, paths::USERS, create),
        endpoint(Method::GET, paths::USER, detail),
        endpoint(Method::POST, paths::USER_PASSWORD, set_password),
        endpoint(Method::POST, paths::USER_DEACTIVATE, deactivate),
        endpoint(Method::POST, paths::USER_LOGOUT, log_out),
        endpoint(Method::PUT, paths::USER_LOCKED, set_locked),
        endpoint(Method::PUT, paths::USER_ADMIN, set_admin),
    ]
}

async fn list(app: App, call: Call) -> Result<Json<Page<UserSummary>>> {
    let query: ListQuery = call.query()?;
    let page = app.domain.admin.users(page_request(query)).await?;
    Ok(Json(Page { items: page.items.into_iter().map(summary).collect(), next: page.next, total: None }))
}

async fn detail(app: App, call: Call) -> Result<Json<UserDetail>> {
    let user = call.param(0);
    let users::UserDetail { user, devices, rooms, quotas } = app.domain.admin.user(user).await?;
    let device_list = devices.into_iter().map(|device| Device {
        device_id: device.id,
        display_name: device.name,
        last_seen_ms: device.seen.at_ms,
        last_seen_ip: device.seen.ip,
    });
    let rooms = rooms.into_iter().map(|(room_id, name)| UserRoom { room_id, name });
    let quotas = quotas.into_iter().map(|one| UserQuota {
        quota: one.quota.name().to_owned(),
        used: one.used,
        limit: one.limit,
    });
    Ok(Json(UserDetail {
        summary: summary(user),
        device_list: device_list.collect(),
        rooms: rooms.collect(),
        quotas: quotas.collect(),
    }))
}

async fn create(app: App, call: Call) -> Result<Json<CreatedUser>> {
    let caller = call.operator()?;
    let NewUser { username: name, password, admin, display_name } = call.json_or_empty()?;
    let new = UserToCreate { name, password, admin, display_name };
    let (user_id, password) = app.domain.actions.admin_create_user(&caller.name, new).await?;
    Ok(Json(CreatedUser { user_id: user_id.into(), password }))
}

async fn set_password(app: App, call: Call) -> Result<Json<PasswordSet>> {
    let (caller, user) = (call.operator()?, call.param(0));
    let new: NewPassword = call.json_or_empty()?;
    let actions = &app.domain.actions;
    let password = actions.admin_reset_password(&caller.name, user, new.password, new.logout_devices).await?;
    Ok(Json(PasswordSet { password }))
}

async fn deactivate(app: App, call: Call) -> Result<Json<Done>> {
    let (caller, user) = (call.operator()?, call.param(0));
    let wanted: DeactivateUser = call.json_or_empty()?;
    app.domain.actions.admin_deactivate(&caller.name, user, wanted.erase).await?;
    Ok(Json(Done {}))
}

async fn log_out(app: App, call: Call) -> Result<Json<LoggedOut>> {
    let (caller, user) = (call.operator()?, call.param(0));
    let devices = app.domain.actions.admin_log_out(&caller.name, user).await?;
    Ok(Json(LoggedOut { devices }))
}

async fn set_locked(app: App, call: Call) -> Result<Json<Done>> {
    let (caller, user) = (call.operator()?, call.param(0));
    let wanted: SetLocked = call.json_or_empty()?;
    app.domain.actions.admin_set_flag(&caller.name, user, Flag::Locked, wanted.locked).await?;
    Ok(Json(Done {}))
}

async fn set_admin(app: App, call: Call) -> Result<Json<Done>> {
    let (caller, user) = (call.operator()?, call.param(0));
    let wanted: SetAdmin = call.json_or_empty()?;
    app.domain.actions.admin_set_flag(&caller.name, user, Flag::Admin, wanted.admin).await?;
    Ok(Json(Done {}))
}

/// A list query as the domain's type.
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
