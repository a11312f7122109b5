//! Room contents without `/sync`.

use std::time::Duration;

use axum::response::Response;
use hearth_base::Result;
use hearth_domain::rooms::read::Token;
use ruma::api::client::peeking::get_current_state::v3::PaginationChunk;
use ruma::api::client::peeking::{get_current_state, listen_to_new_events};
use ruma::api::client::room::Visibility;

use crate::App;
use crate::completed::completed;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(first_look).all_but_locked(), Endpoint::new(watch).all_but_locked()]
}

async fn first_look(app: App, request: Ruma<get_current_state::v3::Request>) -> Result<Response> {
    let who = request.user()?;
    let look = app.domain.rooms.first_look(who, request.room_id.clone()).await?;
    let mut messages = PaginationChunk::new(look.chunk, look.end.to_string());
    messages.start = Some(look.start.to_string());
    let mut response = get_current_state::v3::Response::new(request.room_id.clone());
    response.messages = Some(messages);
    response.membership = look.membership.map(Into::into);
    response.state = look.state;
    response.visibility = Some(if look.published { Visibility::Public } else { Visibility::Private });
    completed(&app, who, response, |event| event)
}

/// `chunk` is always present, even when empty.
async fn watch(app: App, request: Ruma<listen_to_new_events::v3::Request>) -> Result<Json<serde_json::Value>> {
    let from = Token::parse_opt(request.from.as_deref())?;
    let wait = request.timeout.unwrap_or(Duration::ZERO);
    let news = app.domain.rooms.watch(request.user()?, request.room_id.clone(), from, wait).await?;
    let (start, end) = (news.start.to_string(), news.end.to_string());
    Ok(Json(serde_json::json!({ "chunk": news.chunk, "start": start, "end": end })))
}
