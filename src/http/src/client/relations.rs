//! Relations of an event: edits, reactions, thread replies.

use hearth_base::Result;
use hearth_domain::rooms::read::Token;
use hearth_domain::rooms::read::relations::{Relations, RelationsQuery};
use ruma::UInt;
use ruma::api::client::relations::{
    get_relating_events as of_any, get_relating_events_with_rel_type as of_relation,
    get_relating_events_with_rel_type_and_event_type as of_relation_and_type,
};

use super::amount;
use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(any).all_but_locked(),
        Endpoint::new(relation).all_but_locked(),
        Endpoint::new(relation_and_type).all_but_locked(),
    ]
}

/// Builds the query. The three endpoints differ only in their path parameters.
macro_rules! question {
    ($request:ident, $rel_type:expr, $event_type:expr) => {
        RelationsQuery {
            event: $request.event_id.clone(),
            rel_type: $rel_type,
            event_type: $event_type,
            direction: $request.dir,
            from: Token::parse_opt($request.from.as_deref())?,
            to: Token::parse_opt($request.to.as_deref())?,
            limit: amount($request.limit.unwrap_or(UInt::from(5_u32))),
            recurse: $request.recurse,
        }
    };
}

/// Builds the response, for the same reason.
macro_rules! answer {
    ($endpoint:ident, $request:ident, $found:expr) => {{
        let Relations { chunk, next, depth } = $found;
        let mut response = $endpoint::v1::Response::new(chunk);
        response.next_batch = next.map(|next| next.to_string());
        // The place where this page begins; without it, this is the first page.
        response.prev_batch = $request.from.clone();
        response.recursion_depth = depth.map(Into::into);
        Ok(response)
    }};
}

async fn any(app: App, request: Ruma<of_any::v1::Request>) -> Result<of_any::v1::Response> {
    let question = question!(request, None, None);
    answer!(of_any, request, app.domain.rooms.relations(request.user()?, request.room_id.clone(), question).await?)
}

async fn relation(app: App, request: Ruma<of_relation::v1::Request>) -> Result<of_relation::v1::Response> {
    let question = question!(request, Some(request.rel_type.to_string()), None);
    answer!(of_relation, request, app.domain.rooms.relations(request.user()?, request.room_id.clone(), question).await?)
}

async fn relation_and_type(
    app: App,
    request: Ruma<of_relation_and_type::v1::Request>,
) -> Result<of_relation_and_type::v1::Response> {
    let question = question!(request, Some(request.rel_type.to_string()), Some(request.event_type.to_string()));
    answer!(
        of_relation_and_type,
        request,
        app.domain.rooms.relations(request.user()?, request.room_id.clone(), question).await?
    )
}
