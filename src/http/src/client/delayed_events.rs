//! Delayed events (MSC4140), in all forms that clients use: a query parameter of the endpoints that send at once, and
//! an endpoint of their own.

use std::time::Duration;

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::actions::Sent;
use hearth_domain::rooms::delayed::{
    Action, DelayedOutcome, DelayedPage, DelayedView, Direction, End, Filter, Later, Order, Status, Why,
};
use ruma::OwnedEventId;
use ruma::api::client::delayed_events::update_delayed_event::unstable_v2 as update_delayed_event;
use ruma::api::client::delayed_events::{get_all_delayed_events, get_delayed_event, send_delayed_event};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::appservice::overridden_timestamp;
use crate::App;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The form with the action in the body, for clients that know no other.
const ACTION_IN_BODY: &[&str] = &["/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay_id}"];

/// The endpoints of this file. MSC4140 lets the delay id alone authorise its management, so that an SFU can do it. Here
/// it needs the owner's token: ids appear in logs and in the `unsigned` of events, and with an SFU of this server the
/// server itself sends the leave (`hearth_domain::rtc`).
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(schedule).rate(Rate::Message).guests().appservices(),
        Endpoint::new(act).token().rate(Rate::Other).all_but_locked(),
        Endpoint::new(act_by_body).at(ACTION_IN_BODY).token().rate(Rate::Other).all_but_locked(),
        Endpoint::new(show).rate(Rate::Other).all_but_locked(),
        Endpoint::new(list).rate(Rate::Other).all_but_locked(),
    ]
}

/// The response to a request that sends an event now or later.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum SentOrDelayed {
    /// The event was sent.
    Now { event_id: OwnedEventId },
    /// The event is scheduled.
    Later { delay_id: String },
}

/// The requested delay of an event; `None` to send it now.
pub(super) fn delay(uri: &http::Uri) -> Result<Option<Duration>> {
    #[derive(Deserialize)]
    struct Query {
        #[serde(rename = "org.matrix.msc4140.delay")]
        delay: Option<String>,
    }
    let query: Query = serde_html_form::from_str(uri.query().unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))?;
    let Some(delay) = query.delay else { return Ok(None) };
    let delay_ms = delay.parse().map_err(|_| Error::invalid("The delay must be a number of milliseconds."))?;
    Ok(Some(Duration::from_millis(delay_ms)))
}

/// Maps the result of sending to the response.
pub(super) fn answer(sent: Result<Sent>) -> Result<Json<SentOrDelayed>> {
    Ok(Json(match sent.map_err(as_before)? {
        Sent::Now(event_id) => SentOrDelayed::Now { event_id },
        Sent::Later(delay_id) => SentOrDelayed::Later { delay_id },
    }))
}

/// The error for clients of the older form, from before it had an error code of its own.
fn as_before(error: Error) -> Error {
    match error {
        Error::Refusal(mut refusal) if refusal.reason == Reason::MaxDelayExceeded => {
            refusal.reason = Reason::Unknown;
            Error::Refusal(Box::new(refusal.with("org.matrix.msc4140.errcode", "M_MAX_DELAY_EXCEEDED")))
        }
        error => error,
    }
}

async fn schedule(
    app: App,
    request: Ruma<send_delayed_event::unstable::Request>,
) -> Result<send_delayed_event::unstable::Response> {
    #[derive(Deserialize)]
    struct Query {
        ts: Option<ruma::MilliSecondsSinceUnixEpoch>,
    }
    let query: Query = serde_html_form::from_str(request.call.uri.query().unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))?;
    let later = Later {
        room_id: request.room_id.clone(),
        kind: request.event_type.to_string(),
        state_key: request.state_key.clone(),
        content: request.content.json().get().to_owned(),
        delay: request.delay,
        txn: Some(request.txn_id.to_string()),
        timestamp_ms: overridden_timestamp(request.user()?, query.ts),
    };
    let delay_id = app.domain.actions.send_later(request.user()?, later).await?;
    Ok(send_delayed_event::unstable::Response::new(delay_id))
}

async fn act(app: App, request: Ruma<update_delayed_event::Request>) -> Result<update_delayed_event::Response> {
    let action = Action::from_name(request.action.as_str());
    let action =
        action.ok_or_else(|| refuse(Reason::Unrecognized, "A delayed event takes restart, send and cancel."))?;
    app.domain.actions.update_delayed_event(Some(request.user()?.user), &request.delay_id, action).await?;
    Ok(update_delayed_event::Response::new())
}

async fn act_by_body(
    app: App,
    request: Ruma<Loose<update_delayed_event::Request>>,
) -> Result<update_delayed_event::Response> {
    let action = request.object()?.remove("action");
    let action = action.ok_or_else(|| refuse(Reason::MissingParam, "The body must have an `action`."))?;
    let action = action.as_str().and_then(Action::from_name);
    let action = action.ok_or_else(|| Error::invalid("`action` must be one of restart, send, cancel."))?;
    app.domain.actions.update_delayed_event(Some(request.user()?.user), request.text(0), action).await?;
    Ok(update_delayed_event::Response::new())
}

async fn show(app: App, request: Ruma<get_delayed_event::unstable::Request>) -> Result<Json<Value>> {
    Ok(Json(shown(&app.domain.delayed.get(request.user()?, &request.delay_id).await?)))
}

async fn list(app: App, request: Ruma<get_all_delayed_events::unstable::Request>) -> Result<Json<Value>> {
    let filter = filter(request.call.uri.query())?;
    let (status, direction) = (filter.status, filter.direction);
    let DelayedPage { events, next } = app.domain.delayed.list(request.user()?, filter).await?;
    let mut answer = json!({ "delayed_events": events.iter().map(shown).collect::<Vec<_>>() });
    // Clients that request a single kind may expect the old response, whose list was named after the kind.
    match status {
        Some(Status::Scheduled) => answer["scheduled"] = answer["delayed_events"].clone(),
        Some(Status::Finalised) => answer["finalised"] = events.iter().map(shown_as_finalised).collect(),
        None => {}
    }
    if let Some(next) = next {
        let name = if direction == Direction::Forward { "next_batch" } else { "prev_batch" };
        answer[name] = next.into();
    }
    Ok(Json(answer))
}

/// The query of a list (MSC4140). Without parameters the list contains scheduled events, as in older versions.
fn filter(query: Option<&str>) -> Result<Filter> {
    #[derive(Deserialize)]
    struct Query {
        status: Option<String>,
        room_id: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
        outcome: Option<String>,
        reason: Option<String>,
        #[serde(default)]
        delay_id: Vec<String>,
        order_by: Option<String>,
        dir: Option<String>,
        since_ts: Option<String>,
        from: Option<String>,
    }
    let query: Query = serde_html_form::from_str(query.unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))?;
    let direction = one_of("dir", query.dir, &[("f", Direction::Forward), ("b", Direction::Backward)])?;
    let status = one_of("status", query.status, &[("scheduled", Status::Scheduled), ("finalised", Status::Finalised)])?;
    let orders = [("send_ts", Order::Due), ("origin_server_ts", Order::End), ("running_since", Order::Since)];
    let outcomes =
        [("send", DelayedOutcome::Send), ("cancel", DelayedOutcome::Cancel), ("error", DelayedOutcome::Error)];
    let is_particular = query.outcome.is_some()
        || query.reason.is_some()
        || query.order_by.is_some()
        || query.since_ts.is_some()
        || direction.is_some()
        || !query.delay_id.is_empty();
    let status = status.or((!is_particular).then_some(Status::Scheduled));
    let direction = direction.unwrap_or_default();
    let from_ms = match query.since_ts.as_deref() {
        Some("end") => (direction == Direction::Forward).then_some(u64::MAX),
        Some(at) => Some(at.parse().map_err(|_| Error::invalid("`since_ts` must be a time in milliseconds, or end."))?),
        None => None,
    };
    Ok(Filter {
        status,
        room_id: query.room_id,
        kind: query.kind,
        outcome: one_of("outcome", query.outcome, &outcomes)?,
        why: one_of("reason", query.reason, &[("action", Why::Action), ("delay", Why::Delay)])?,
        ids: query.delay_id,
        order: one_of("order_by", query.order_by, &orders)?.unwrap_or_default(),
        direction,
        from_ms,
        from: query.from,
    })
}

fn one_of<T: Copy>(name: &str, given: Option<String>, values: &[(&str, T)]) -> Result<Option<T>> {
    let Some(given) = given else { return Ok(None) };
    let known = values.iter().find(|(value, _)| *value == given).map(|(_, meant)| *meant);
    known.map(Some).ok_or_else(|| Error::invalid(format!("`{name}` cannot be {given:?}.")))
}

/// A delayed event with the field names of all versions of MSC4140 that clients implement.
fn shown(seen: &DelayedView) -> Value {
    let mut shown = json!({
        "delay_id": seen.id,
        "room_id": seen.room_id,
        "type": seen.kind,
        "content": seen.content,
        "delay": seen.delay_ms,
        "delay_ms": seen.delay_ms,
        "running_since": seen.since_ms,
        "delayed_since_ts": seen.since_ms,
    });
    if let Some(state_key) = &seen.state_key {
        shown["state_key"] = state_key.as_str().into();
    }
    if let Some(end) = &seen.end {
        shown["origin_server_ts"] = end.at_ms.into();
        shown["finalised_ts"] = end.at_ms.into();
        shown["finalised"] = json!({ "finalised_ts": end.at_ms });
        add_end(&mut shown, end);
        add_end(&mut shown["finalised"], end);
    }
    shown
}

fn add_end(to: &mut Value, end: &End) {
    if let Some(event_id) = &end.event_id {
        to["event_id"] = event_id.as_str().into();
    }
    if let Some(error) = &end.error {
        to["error"] = json!(error);
    }
}

/// Like [`shown`], in the older form of the list of finalised events.
fn shown_as_finalised(seen: &DelayedView) -> Value {
    let outcome = if seen.outcome() == Some(DelayedOutcome::Send) { "send" } else { "cancel" };
    let reason = match (seen.outcome(), seen.why()) {
        (Some(DelayedOutcome::Error), _) => "error",
        (_, Some(Why::Action)) => "action",
        _ => "delay",
    };
    let mut shown = json!({ "delayed_event": shown(seen), "outcome": outcome, "reason": reason });
    if let Some(end) = &seen.end {
        shown["origin_server_ts"] = end.at_ms.into();
        add_end(&mut shown, end);
    }
    shown
}
