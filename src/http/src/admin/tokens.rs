//! Registration tokens: `/api/v1/registration-tokens`.

use hearth_admin::wire::{Done, NewRegistrationToken, RegistrationToken, RegistrationTokenList, paths};
use hearth_base::Result;
use hearth_domain::accounts;
use hearth_domain::admin::RegistrationTokenRow;
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, paths::REGISTRATION_TOKENS, list),
        endpoint(Method::POST, paths::REGISTRATION_TOKENS, create),
        endpoint(Method::DELETE, paths::REGISTRATION_TOKEN, revoke),
    ]
}

async fn list(app: App, _: Call) -> Result<Json<RegistrationTokenList>> {
    let rows = app.domain.accounts.registration_tokens().await?;
    Ok(Json(RegistrationTokenList { items: rows.into_iter().rev().map(|row| shown(&app, row)).collect() }))
}

async fn create(app: App, call: Call) -> Result<Json<RegistrationToken>> {
    let caller = call.operator()?;
    let wanted: NewRegistrationToken = call.json_or_empty()?;
    let NewRegistrationToken { token, uses_allowed, expires_ms } = wanted;
    let new = accounts::NewRegistrationToken { token, uses_max: uses_allowed, expires_ms };
    let made = app.domain.actions.admin_create_registration_token(&caller.name, new).await?;
    Ok(Json(shown(&app, made)))
}

async fn revoke(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    app.domain.actions.admin_revoke_registration_token(&caller.name, call.param(0)).await?;
    Ok(Json(Done {}))
}

fn shown(app: &App, row: RegistrationTokenRow) -> RegistrationToken {
    RegistrationToken {
        notice: app.domain.accounts.registration_token_notice(&row).map(str::to_owned),
        token: row.token,
        uses_allowed: row.uses_max,
        // Registration uses a token in the transaction that creates the account, so no use is ever pending.
        pending: 0,
        completed: row.uses,
        expires_ms: row.expires_ms,
        created_ms: row.created_ms,
    }
}
