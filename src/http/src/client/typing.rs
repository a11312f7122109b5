//! Typing notifications.

use std::time::Duration;

use hearth_base::{Error, Result};
use ruma::api::client::typing::create_typing_event;
use ruma::{OwnedRoomId, OwnedUserId};
use serde_json::Value;

use crate::App;
use crate::loose::Loose;
use crate::route::{Endpoint, Ruma};

/// How long a typing notification lasts without `timeout`.
const DEFAULT: Duration = Duration::from_secs(30);

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(set).guests().appservices()]
}

// Loose, because `timeout` may be absent, which ruma rejects.
async fn set(
    app: App,
    request: Ruma<Loose<create_typing_event::v3::Request>>,
) -> Result<create_typing_event::v3::Response> {
    let (room_id, user_id): (OwnedRoomId, OwnedUserId) = (request.id(0)?, request.id(1)?);
    let who = request.user()?;
    who.must_be(&user_id)?;
    let body = request.object()?;
    let typing = body.get("typing").and_then(Value::as_bool);
    let typing = typing.ok_or_else(|| Error::bad_json("`typing` must be true or false."))?;
    let lasting = match body.get("timeout") {
        None | Some(Value::Null) => DEFAULT,
        Some(timeout) => {
            let ms = timeout.as_u64().ok_or_else(|| Error::bad_json("`timeout` must be a number of milliseconds."))?;
            Duration::from_millis(ms)
        }
    };
    app.domain.actions.set_typing(who, &room_id, typing.then_some(lasting)).await?;
    Ok(create_typing_event::v3::Response::new())
}
