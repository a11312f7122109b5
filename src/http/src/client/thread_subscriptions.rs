//! Subscriptions to threads (MSC4306), and pages of their changes (MSC4308).

use hearth_base::limits::users::THREAD_SUBSCRIPTIONS_PAGE_MAX;
use hearth_base::{Error, Position, Result};
use hearth_domain::sync::sliding::{Pos, parse_position};
use ruma::api::Direction;
use ruma::api::client::threads::{
    get_thread_subscription, get_thread_subscriptions_changes, subscribe_thread, unsubscribe_thread,
};
use serde::Deserialize;

use super::sliding_sync::THREAD_SUBSCRIPTIONS_USUAL;
use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(get).all_but_locked(),
        Endpoint::new(subscribe).rate(Rate::Other).all_but_locked(),
        Endpoint::new(unsubscribe).rate(Rate::Other).all_but_locked(),
        Endpoint::new(changes).all_but_locked(),
    ]
}

async fn get(
    app: App,
    request: Ruma<get_thread_subscription::unstable::Request>,
) -> Result<get_thread_subscription::unstable::Response> {
    let (room, root) = (request.room_id.clone(), request.thread_root.clone());
    let is_automatic = app.domain.personal.threads.get(request.user()?, room, root).await?;
    Ok(get_thread_subscription::unstable::Response::new(is_automatic))
}

async fn subscribe(
    app: App,
    request: Ruma<subscribe_thread::unstable::Request>,
) -> Result<subscribe_thread::unstable::Response> {
    let (room, root, cause) = (request.room_id.clone(), request.thread_root.clone(), request.automatic.clone());
    app.domain.personal.threads.subscribe(request.user()?, room, root, cause).await?;
    Ok(subscribe_thread::unstable::Response::new())
}

async fn unsubscribe(
    app: App,
    request: Ruma<unsubscribe_thread::unstable::Request>,
) -> Result<unsubscribe_thread::unstable::Response> {
    let (room, root) = (request.room_id.clone(), request.thread_root.clone());
    app.domain.personal.threads.unsubscribe(request.user()?, room, root).await?;
    Ok(unsubscribe_thread::unstable::Response::new())
}

/// The direction, which ruma's type keeps to itself.
#[derive(Deserialize)]
struct Way {
    dir: Direction,
}

async fn changes(
    app: App,
    request: Ruma<get_thread_subscriptions_changes::unstable::Request>,
) -> Result<get_thread_subscriptions_changes::unstable::Response> {
    if request.call.query::<Way>()?.dir == Direction::Forward {
        return Err(Error::invalid("Changes of subscriptions are read backwards only: use dir=b."));
    }
    let limit = request.limit.map_or(THREAD_SUBSCRIPTIONS_USUAL, u64::from);
    if limit == 0 {
        return Err(Error::invalid(format!("limit is 1 to {THREAD_SUBSCRIPTIONS_PAGE_MAX}.")));
    }
    let (to, from) = (position(request.to.as_deref())?, position(request.from.as_deref())?);
    let page = app.domain.personal.threads.changes(request.user()?, to, from, limit).await?;
    let mut response = get_thread_subscriptions_changes::unstable::Response::new();
    response.subscribed = page.subscribed;
    response.unsubscribed = page.unsubscribed;
    response.end = page.end.map(|end| end.to_string());
    Ok(response)
}

/// Parses a token: that of a page, or the `pos` of simplified sliding sync.
fn position(token: Option<&str>) -> Result<Option<Position>> {
    let of_connection = |token: &str| Pos::parse(token).ok().map(|pos| pos.position);
    let wrong = || Error::invalid("from and to are tokens of this list or of sliding sync; leave them out.");
    let parse = |token: &str| parse_position(token).or_else(|| of_connection(token)).ok_or_else(wrong);
    token.map(parse).transpose()
}
