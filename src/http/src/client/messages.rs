//! Pagination of timelines: `/messages` and `/context`.

use axum::response::Response;
use hearth_base::{Error, Result};
use hearth_domain::rooms::read::Token;
use hearth_domain::rooms::read::page::{PageFilter, Paging};
use ruma::OwnedUserId;
use ruma::api::client::context::get_context;
use ruma::api::client::filter::RoomEventFilter;
use ruma::api::client::message::get_message_events;
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use serde::{Deserialize, Serialize};

use super::amount;
use super::old_format::{all_with_old_fields, with_old_fields};
use crate::App;
use crate::completed::completed;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(messages).all_but_locked(), Endpoint::new(context).all_but_locked()]
}

async fn messages(app: App, request: Ruma<get_message_events::v3::Request>) -> Result<Response> {
    let paging = Paging {
        direction: request.dir,
        from: Token::parse_opt(request.from.as_deref())?,
        to: Token::parse_opt(request.to.as_deref())?,
        limit: amount(request.limit),
        filter: filter(request.filter.clone(), request.call.uri.query())?,
    };
    let who = request.user()?;
    let page = app.domain.actions.messages(who, request.room_id.clone(), paging).await?;
    let mut response = get_message_events::v3::Response::new();
    response.start = page.start.to_string();
    response.end = page.end.map(|end| end.to_string());
    response.chunk = page.chunk;
    response.state = page.state;
    completed(&app, who, response, |event| event)
}

/// The fields of a filter that ruma lacks, under their stable and unstable names.
#[derive(Default, Deserialize)]
struct Related {
    #[serde(alias = "io.element.relation_senders")]
    related_by_senders: Option<Vec<OwnedUserId>>,
    #[serde(alias = "io.element.relation_types")]
    related_by_rel_types: Option<Vec<String>>,
    #[serde(alias = "org.matrix.msc3874.rel_types")]
    rel_types: Option<Vec<String>>,
    #[serde(default, alias = "org.matrix.msc3874.not_rel_types")]
    not_rel_types: Vec<String>,
}

fn filter(events: RoomEventFilter, query: Option<&str>) -> Result<PageFilter> {
    #[derive(Deserialize)]
    struct Query {
        filter: Option<String>,
    }
    let query = query.filter(|query| query.contains("rel"));
    let query = query.and_then(|query| serde_html_form::from_str::<Query>(query).ok()?.filter);
    let related: Related = match query {
        Some(filter) => serde_json::from_str(&filter)
            .map_err(|error| Error::bad_json(format!("The filter makes no sense: {error}")))?,
        None => Related::default(),
    };
    Ok(PageFilter {
        events,
        related_by_senders: related.related_by_senders,
        related_by_rel_types: related.related_by_rel_types,
        rel_types: related.rel_types,
        not_rel_types: related.not_rel_types,
    })
}

/// All fields are always present: clients read the lists without checking that they exist.
#[derive(Serialize)]
struct Context {
    start: String,
    end: String,
    event: Raw<AnyTimelineEvent>,
    events_before: Vec<Raw<AnyTimelineEvent>>,
    events_after: Vec<Raw<AnyTimelineEvent>>,
    state: Vec<Raw<AnyStateEvent>>,
}

async fn context(app: App, request: Ruma<get_context::v3::Request>) -> Result<Response> {
    let (room, event, limit) = (request.room_id.clone(), request.event_id.clone(), amount(request.limit));
    let who = request.user()?;
    let found = app.domain.actions.context(who, room, event, limit, request.filter.clone()).await?;
    let context = Context {
        start: found.start.to_string(),
        end: found.end.to_string(),
        event: with_old_fields(found.event),
        events_before: all_with_old_fields(found.before),
        events_after: all_with_old_fields(found.after),
        state: all_with_old_fields(found.state),
    };
    completed(&app, who, Json(context), with_old_fields)
}
