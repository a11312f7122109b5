//! Registration tokens: `/api/v1/registration-tokens`.

use axum::extract::{Path, State};
use axum::routing::{delete, get};
use axum::{Extension, Json, Router};
use hearth_admin::wire::{Done, NewRegistrationToken, RegistrationToken, RegistrationTokenList, paths};
use hearth_domain::accounts;
use hearth_domain::admin::RegistrationTokenRow;

use super::answer::{AdminAnswer, AdminBody};
use super::{Caller, Context};

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route(paths::REGISTRATION_TOKENS, get(list).post(create))
        .route(paths::REGISTRATION_TOKEN, delete(revoke))
}

async fn list(State(context): State<Context>) -> AdminAnswer<RegistrationTokenList> {
    let rows = context.app.domain.accounts.registration_tokens().await?;
    Ok(Json(RegistrationTokenList { items: rows.into_iter().rev().map(shown).collect() }))
}

async fn create(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    AdminBody(wanted): AdminBody<NewRegistrationToken>,
) -> AdminAnswer<RegistrationToken> {
    let domain = &context.app.domain;
    let NewRegistrationToken { token, uses_allowed, expires_ms } = wanted;
    let new = accounts::NewRegistrationToken { token, uses_max: uses_allowed, expires_ms };
    let made = shown(domain.accounts.make_registration_token(new).await?);
    // Whoever reads the audit log should not be able to register.
    let uses = made.uses_allowed.map_or_else(|| "without limit".to_owned(), |uses| format!("uses {uses}"));
    domain.admin.note(&caller.name, "registration_token.create", &beginning(&made.token), uses).await?;
    Ok(Json(made))
}

async fn revoke(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(token): Path<String>,
) -> AdminAnswer<Done> {
    let domain = &context.app.domain;
    domain.accounts.delete_registration_token(&token).await?;
    domain.admin.note(&caller.name, "registration_token.revoke", &beginning(&token), String::new()).await?;
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
