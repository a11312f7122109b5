//! The keys with which the server signs: `/api/v1/signing-keys`.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hearth_admin::wire::{SigningKey, SigningKeyList, paths};
use hearth_domain::Core;

use super::answer::AdminAnswer;
use super::{Caller, Context};

pub(super) fn routes() -> Router<Context> {
    Router::new().route(paths::SIGNING_KEYS, get(list)).route(paths::SIGNING_KEYS_ROTATE, post(rotate))
}

async fn list(State(context): State<Context>) -> AdminAnswer<SigningKeyList> {
    Ok(Json(shown(&context.app.domain.core)))
}

async fn rotate(State(context): State<Context>, Extension(caller): Extension<Caller>) -> AdminAnswer<SigningKeyList> {
    let domain = &context.app.domain;
    domain.actions.admin_rotate_signing_key(&caller.name).await?;
    Ok(Json(shown(&domain.core)))
}

fn shown(core: &Core) -> SigningKeyList {
    let current = SigningKey { id: core.key.id(), expired_ms: None };
    let retired = core.key.retired().into_iter().rev();
    let retired = retired.map(|key| SigningKey { id: key.id, expired_ms: Some(key.expired_ms) });
    SigningKeyList { items: [current].into_iter().chain(retired).collect() }
}
