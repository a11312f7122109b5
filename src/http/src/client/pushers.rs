//! Pushers.

use hearth_base::{Error, Result};
use ruma::api::client::push::set_pusher::v3::PusherAction;
use ruma::api::client::push::{get_pushers, set_pusher};

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list).all_but_locked(), Endpoint::new(set).rate(Rate::Other).suspended().appservices()]
}

async fn list(app: App, request: Ruma<get_pushers::v3::Request>) -> Result<get_pushers::v3::Response> {
    Ok(get_pushers::v3::Response::new(app.domain.personal.pushers.list(request.user()?).await?))
}

async fn set(app: App, request: Ruma<set_pusher::v3::Request>) -> Result<set_pusher::v3::Response> {
    let (who, pushers) = (request.user()?, &app.domain.personal.pushers);
    match &request.action {
        PusherAction::Post(post) => pushers.set(who, &post.pusher, post.append).await?,
        PusherAction::Delete(ids) => pushers.delete(who, ids.clone()).await?,
        _ => return Err(Error::invalid("A pusher is set with a `kind`, or removed with a `kind` of null.")),
    }
    Ok(set_pusher::v3::Response::new())
}
