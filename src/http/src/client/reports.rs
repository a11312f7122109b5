//! Reports of events, rooms and users to the administrators.

use hearth_base::Result;
use ruma::api::client::reporting::report_user;
use ruma::api::client::room::{report_content, report_room};

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(event).rate(Rate::Other).suspended().appservices(),
        Endpoint::new(room).rate(Rate::Other).suspended().appservices(),
        Endpoint::new(user).rate(Rate::Other).suspended().appservices(),
    ]
}

async fn event(app: App, request: Ruma<report_content::v3::Request>) -> Result<report_content::v3::Response> {
    let (room, event, reason) = (request.room_id.clone(), request.event_id.clone(), request.reason.clone());
    app.domain.rooms.report_event(request.user()?, room, event, reason.unwrap_or_default()).await?;
    Ok(report_content::v3::Response::new())
}

async fn room(app: App, request: Ruma<report_room::v3::Request>) -> Result<report_room::v3::Response> {
    app.domain.rooms.report_room(request.user()?, request.room_id.clone(), request.reason.clone()).await?;
    Ok(report_room::v3::Response::new())
}

async fn user(app: App, request: Ruma<report_user::v3::Request>) -> Result<report_user::v3::Response> {
    let (target, reason) = (request.body.user_id.clone(), request.reason.clone());
    app.domain.rooms.report_user(request.user()?, target, reason).await?;
    Ok(report_user::v3::Response::new())
}
