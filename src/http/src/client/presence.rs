//! Presence.

use std::time::Duration;

use hearth_base::Result;
use ruma::api::client::presence::{get_presence, set_presence};

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(get).all_but_locked(), Endpoint::new(set).rate(Rate::Other).appservices()]
}

async fn get(app: App, request: Ruma<get_presence::v3::Request>) -> Result<get_presence::v3::Response> {
    let content = app.domain.presence.look(request.user()?, &request.user_id).await?.content;
    let mut response = get_presence::v3::Response::new(content.presence);
    response.status_msg = content.status_msg;
    response.currently_active = content.currently_active;
    response.last_active_ago = content.last_active_ago.map(|ago| Duration::from_millis(ago.into()));
    Ok(response)
}

async fn set(app: App, request: Ruma<set_presence::v3::Request>) -> Result<set_presence::v3::Response> {
    let who = request.user()?;
    who.must_be(&request.user_id)?;
    app.domain.presence.say(who, request.presence.clone(), request.status_msg.clone()).await?;
    Ok(set_presence::v3::Response::new())
}
