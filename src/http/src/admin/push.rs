//! Pushers: `/api/v1/pushers`.

use hearth_admin::wire::{Pusher, PusherList, PusherTest, PusherTestList, paths};
use hearth_base::{Error, Result};
use hearth_domain::push::delivery;
use http::Method;
use ruma::UserId;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, paths::PUSHERS, list), endpoint(Method::POST, paths::PUSHERS_TEST, test)]
}

async fn list(app: App, _: Call) -> Result<Json<PusherList>> {
    let pushers = app.domain.delivery.list(None).await?;
    Ok(Json(PusherList { items: pushers.into_iter().map(shown).collect() }))
}

async fn test(app: App, call: Call) -> Result<Json<PusherTestList>> {
    let caller = call.operator()?;
    let user_id = UserId::parse(call.param(0)).map_err(|_| Error::invalid("This is not a user id."))?;
    let tests = app.domain.actions.admin_test_pushers(&caller.name, &user_id).await?;
    let shown =
        |test: delivery::PusherTest| PusherTest { pusher: shown(test.pusher), taken: test.taken, answer: test.answer };
    Ok(Json(PusherTestList { items: tests.into_iter().map(shown).collect() }))
}

fn shown(pusher: delivery::PusherStatus) -> Pusher {
    Pusher {
        user_id: pusher.user_id,
        device_id: pusher.device_id,
        device_name: pusher.device_name,
        app_id: pusher.app_id,
        pushkey: pusher.pushkey,
        gateway: pusher.gateway,
        enabled: pusher.enabled,
        last_success_ms: pusher.delivered_ms,
        failing_since_ms: pusher.failing_since_ms,
        reason: pusher.error,
        retry_at_ms: pusher.retry_at_ms,
        stale: pusher.stale,
    }
}
