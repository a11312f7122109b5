//! The threads of a room.

use hearth_base::Result;
use ruma::UInt;
use ruma::api::client::threads::get_threads;
use ruma::api::client::threads::get_threads::v1::IncludeThreads;

use super::amount;
use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(threads).all_but_locked()]
}

async fn threads(app: App, request: Ruma<get_threads::v1::Request>) -> Result<get_threads::v1::Response> {
    let participated = request.include == IncludeThreads::Participated;
    let limit = amount(request.limit.unwrap_or(UInt::from(10_u32)));
    let (room, from) = (request.room_id.clone(), request.from.clone());
    let threads = app.domain.rooms.threads(request.user()?, room, participated, from, limit).await?;
    let mut response = get_threads::v1::Response::new(threads.chunk);
    response.next_batch = threads.next;
    Ok(response)
}
