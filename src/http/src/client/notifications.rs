//! The notification history of the user.

use hearth_base::Result;
use ruma::UInt;
use ruma::api::client::push::get_notifications::v3::{Notification, Request, Response};

use super::amount;
use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list).all_but_locked()]
}

async fn list(app: App, request: Ruma<Request>) -> Result<Response> {
    let highlights = request.only.as_deref() == Some("highlight");
    let limit = amount(request.limit.unwrap_or(UInt::from(20_u32)));
    let page = app.domain.notified.list(request.user()?, highlights, request.from.clone(), limit).await?;
    let notifications = page.notifications.into_iter();
    let notifications =
        notifications.map(|one| Notification::new(one.actions, one.event, one.read, one.room_id, one.at));
    let mut response = Response::new(notifications.collect());
    response.next_token = page.next;
    Ok(response)
}
