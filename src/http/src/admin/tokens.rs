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
    Ok(Json(RegistrationTokenList { items: rows.into_iter().rev().map(shown).collect() }))
}

async fn create(app: App, call: Call) -> Result<Json<RegistrationToken>> {
    let caller = call.operator()?;
    let wanted: NewRegistrationToken = call.json_or_empty()?;
    let domain = &app.domain;
    let NewRegistrationToken { token, uses_allowed, expires_ms } = wanted;
    let new = accounts::NewRegistrationToken { token, uses_max: uses_allowed, expires_ms };
    let made = shown(domain.accounts.make_registration_token(new).await?);
    // Whoever reads the audit log should not be able to register.
    let uses = made.uses_allowed.map_or_else(|| "without limit".to_owned(), |uses| format!("uses {uses}"));
    domain.admin.note(&caller.name, "registration_token.create", &beginning(&made.token), uses).await?;
    Ok(Json(made))
}

async fn revoke(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    let token = call.param(0);
    let domain = &app.domain;
    domain.accounts.delete_registration_token(token).await?;
    domain.admin.note(&caller.name, "registration_token.revoke", &beginning(token), String::new()).await?;
    Ok(Json(Done {}))
}

/// Enough of a token to tell it from others, not enough to use it.
fn beginning(token: &str) -> String {
    let shown: String = token.chars().take(4).collect();
    format!("{shown}…")
}

fn shown(row: RegistrationTokenRow) -> RegistrationToken {
    RegistrationToken {
        token: row.token,
        uses_allowed: row.uses_max,
        // A token is used in the same instant in which the account is made.
        pending: 0,
        completed: row.uses,
        expires_ms: row.expires_ms,
        created_ms: row.created_ms,
    }
}
