//! Registration tokens: `/api/v1/registration-tokens`, and who may register: `/api/v1/registration-mode`.

use hearth_admin::wire::{
    Done, NewRegistrationToken, RegistrationMode, RegistrationToken, RegistrationTokenList, RegistrationTokenUse,
    SetRegistrationMode, paths,
};
use hearth_base::{Error, Result, config};
use hearth_domain::accounts;
use hearth_domain::admin::RegistrationTokenRow;
use http::Method;
use ruma::OwnedRoomOrAliasId;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, paths::REGISTRATION_TOKENS, list),
        endpoint(Method::POST, paths::REGISTRATION_TOKENS, create),
        endpoint(Method::GET, paths::REGISTRATION_TOKEN, detail),
        endpoint(Method::DELETE, paths::REGISTRATION_TOKEN, revoke),
        endpoint(Method::PUT, paths::REGISTRATION_MODE, set_mode),
    ]
}

async fn list(app: App, _: Call) -> Result<Json<RegistrationTokenList>> {
    let items = app.domain.accounts.registration_tokens().await?.into_iter().rev().map(|row| shown(&app, row));
    Ok(Json(RegistrationTokenList { items: items.collect::<Result<_>>()? }))
}

async fn detail(app: App, call: Call) -> Result<Json<RegistrationToken>> {
    let found = app.domain.accounts.registration_token(call.param(0)).await?;
    let (row, uses) = found.ok_or_else(|| Error::not_found("There is no such registration token."))?;
    let joined = uses.into_iter().map(|one| RegistrationTokenUse { user_id: one.user_id, used_ms: one.used_ms });
    let token = shown(&app, row)?;
    Ok(Json(RegistrationToken { joined: joined.collect(), ..token }))
}

async fn create(app: App, call: Call) -> Result<Json<RegistrationToken>> {
    let caller = call.operator()?;
    let wanted: NewRegistrationToken = call.json_or_empty()?;
    let NewRegistrationToken { token, uses_allowed, expires_ms, contact, rooms, note } = wanted;
    let rooms = rooms.into_iter().map(room).collect::<Result<_>>()?;
    let new = accounts::NewRegistrationToken {
        token,
        uses_max: uses_allowed,
        expires_ms,
        contact,
        note,
        ..accounts::NewRegistrationToken::default()
    };
    let row = app.domain.actions.admin_create_registration_token(&caller.name, new, rooms).await?;
    Ok(Json(shown(&app, row)?))
}

async fn revoke(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    app.domain.actions.admin_revoke_registration_token(&caller.name, call.param(0)).await?;
    Ok(Json(Done {}))
}

async fn set_mode(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    let SetRegistrationMode { mode } = call.json()?;
    let mode = match mode {
        RegistrationMode::Closed => config::RegistrationMode::Closed,
        RegistrationMode::Token => config::RegistrationMode::Token,
        RegistrationMode::Open => config::RegistrationMode::Open,
    };
    app.domain.actions.admin_set_registration_mode(&caller.name, mode).await?;
    Ok(Json(Done {}))
}

fn room(text: String) -> Result<OwnedRoomOrAliasId> {
    let refused = |_| {
        Error::invalid(format!("{text:?} is neither a room id such as !abc nor an alias such as #family:example.org."))
    };
    OwnedRoomOrAliasId::try_from(text.as_str()).map_err(refused)
}

fn shown(app: &App, row: RegistrationTokenRow) -> Result<RegistrationToken> {
    Ok(RegistrationToken {
        works: app.domain.accounts.registration_token_works(&row),
        notice: app.domain.accounts.registration_token_notice(&row).map(str::to_owned),
        link: app.domain.accounts.join_url(&row.token),
        rooms: accounts::rooms_of(&row)?.into_iter().map(|room_id| room_id.to_string()).collect(),
        token: row.token,
        uses_allowed: row.uses_max,
        // Registration uses a token in the transaction that creates the account, so no use is ever pending.
        pending: 0,
        completed: row.uses,
        expires_ms: row.expires_ms,
        created_ms: row.created_ms,
        creator: row.creator,
        contact: row.contact,
        note: row.note,
        joined: Vec::new(),
    })
}
