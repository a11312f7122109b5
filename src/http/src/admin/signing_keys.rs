//! The keys with which the server signs: `/api/v1/signing-keys`.

use hearth_admin::wire::{SigningKey, SigningKeyList, paths};
use hearth_base::Result;
use hearth_domain::RoomCore;
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, paths::SIGNING_KEYS, list), endpoint(Method::POST, paths::SIGNING_KEYS_ROTATE, rotate)]
}

async fn list(app: App, _: Call) -> Result<Json<SigningKeyList>> {
    Ok(Json(shown(&app.domain.core)))
}

async fn rotate(app: App, call: Call) -> Result<Json<SigningKeyList>> {
    let caller = call.operator()?;
    let domain = &app.domain;
    domain.actions.admin_rotate_signing_key(&caller.name).await?;
    Ok(Json(shown(&domain.core)))
}

fn shown(core: &RoomCore) -> SigningKeyList {
    let current = SigningKey { id: core.key.id(), expired_ms: None };
    let retired = core.key.retired().into_iter().rev();
    let retired = retired.map(|key| SigningKey { id: key.id, expired_ms: Some(key.expired_ms) });
    SigningKeyList { items: [current].into_iter().chain(retired).collect() }
}
