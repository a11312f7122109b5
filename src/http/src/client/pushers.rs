//! Pushers.

use hearth_base::{Error, Result};
use ruma::api::client::push::set_pusher::v3::PusherAction;
use ruma::api::client::push::{get_pushers, set_pusher};
use serde_json::{Value, json};

use crate::App;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The switch of a pusher, which ruma's type lacks (MSC3881).
const ENABLED: &str = "org.matrix.msc3881.enabled";

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list).all_but_locked(), Endpoint::new(set).rate(Rate::Other).suspended().appservices()]
}

async fn list(app: App, request: Ruma<get_pushers::v3::Request>) -> Result<Json<Value>> {
    Ok(Json(json!({ "pushers": app.domain.personal.pushers.list(request.user()?).await? })))
}

async fn set(app: App, request: Ruma<set_pusher::v3::Request>) -> Result<set_pusher::v3::Response> {
    let (who, pushers) = (request.user()?, &app.domain.personal.pushers);
    match &request.action {
        PusherAction::Post(post) => {
            let enabled = match request.object()?.get(ENABLED) {
                None | Some(Value::Null) => true,
                Some(Value::Bool(enabled)) => *enabled,
                Some(_) => return Err(Error::invalid(format!("`{ENABLED}` must be true or false."))),
            };
            pushers.set(who, &post.pusher, post.append, enabled).await?;
        }
        PusherAction::Delete(ids) => pushers.delete(who, ids.clone()).await?,
        _ => return Err(Error::invalid("A pusher is set with a `kind`, or removed with a `kind` of null.")),
    }
    Ok(set_pusher::v3::Response::new())
}
