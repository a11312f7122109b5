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
    let NewRegistrationToken { token, uses_allowed, expires_ms } = wanted;
    let new = accounts::NewRegistrationToken { token, uses_max: uses_allowed, expires_ms };
    Ok(Json(shown(context.app.domain.actions.admin_create_registration_token(&caller.name, new).await?)))
}

async fn revoke(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(token): Path<String>,
) -> AdminAnswer<Done> {
    context.app.domain.actions.admin_revoke_registration_token(&caller.name, &token).await?;
    Ok(Json(Done {}))
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
