//! Local accounts: `/api/v1/users`.

use hearth_admin::wire::{
    CreatedUser, DeactivateUser, Device, Done, ListQuery, LoggedOut, NewPassword, NewUser, Page, PasswordSet, SetAdmin,
    SetLocked, UserDetail, UserRoom, UserSummary, paths,
};
use hearth_base::Result;
use hearth_domain::accounts::Flag;
use hearth_domain::admin::{PageRequest, users};
use http::Method;

use super::{Caller, endpoint};
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
    let users::UserDetail { user, devices, rooms } = app.domain.admin.user(user).await?;
    let device_list = devices.into_iter().map(|device| Device {
        device_id: device.id,
        display_name: device.name,
        last_seen_ms: device.seen.at_ms,
        last_seen_ip: device.seen.ip,
    });
    let rooms = rooms.into_iter().map(|(room_id, name)| UserRoom { room_id, name });
    Ok(Json(UserDetail { summary: summary(user), device_list: device_list.collect(), rooms: rooms.collect() }))
}

async fn create(app: App, call: Call) -> Result<Json<CreatedUser>> {
    let caller = call.operator()?;
    let new: NewUser = call.json_or_empty()?;
    let admin = &app.domain.admin;
    let NewUser { username, password, admin: is_admin, display_name } = new;
    let (user_id, password) = admin.create_user(&username, password, is_admin, display_name).await?;
    let detail = if is_admin { "administrator" } else { "" };
    admin.note(&caller.name, "user.create", user_id.as_str(), detail.to_owned()).await?;
    Ok(Json(CreatedUser { user_id: user_id.into(), password }))
}

async fn set_password(app: App, call: Call) -> Result<Json<PasswordSet>> {
    let caller = call.operator()?;
    let user = call.param(0);
    let new: NewPassword = call.json_or_empty()?;
    let admin = &app.domain.admin;
    let (user_id, password) = admin.reset_password(user, new.password, new.logout_devices).await?;
    let detail = if new.logout_devices { "logged out everywhere" } else { "" };
    admin.note(&caller.name, "user.password", user_id.as_str(), detail.to_owned()).await?;
    Ok(Json(PasswordSet { password }))
}

async fn deactivate(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    let user = call.param(0);
    let wanted: DeactivateUser = call.json_or_empty()?;
    let domain = &app.domain;
    let user_id = domain.admin.user_id(user)?;
    let account = domain.accounts.account(&user_id).await?;
    domain.deactivate(account.user, &user_id, wanted.erase).await?;
    let detail = if wanted.erase { "erased" } else { "" };
    domain.admin.note(&caller.name, "user.deactivate", user_id.as_str(), detail.to_owned()).await?;
    Ok(Json(Done {}))
}

async fn log_out(app: App, call: Call) -> Result<Json<LoggedOut>> {
    let caller = call.operator()?;
    let user = call.param(0);
    let domain = &app.domain;
    let detail = domain.admin.user(user).await?;
    domain.accounts.log_out_everywhere(detail.user.sn).await?;
    let devices = detail.devices.len() as u64;
    domain.admin.note(&caller.name, "user.logout", &detail.user.user_id, format!("devices {devices}")).await?;
    Ok(Json(LoggedOut { devices }))
}

async fn set_locked(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    let user = call.param(0);
    let wanted: SetLocked = call.json_or_empty()?;
    let action = if wanted.locked { "user.lock" } else { "user.unlock" };
    set_flag(&app, caller, user, Flag::Locked, wanted.locked, action).await
}

async fn set_admin(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    let user = call.param(0);
    let wanted: SetAdmin = call.json_or_empty()?;
    let action = if wanted.admin { "user.grant_admin" } else { "user.revoke_admin" };
    set_flag(&app, caller, user, Flag::Admin, wanted.admin, action).await
}

async fn set_flag(
    app: &App,
    caller: &Caller,
    user: &str,
    flag: Flag,
    on: bool,
    action: &'static str,
) -> Result<Json<Done>> {
    let domain = &app.domain;
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
