//! `/sync`.

use std::sync::Arc;

use axum::response::Response;
use hearth_base::{Position, Result};
use hearth_domain::Requester;
use hearth_domain::rooms::read::Token;
use hearth_domain::sync::SyncQuery;
use ruma::api::client::sync::sync_events;

use super::sync_answer::Answer;
use crate::App;
use crate::completed::completed;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(sync).all_but_locked()]
}

/// Not `async`: the request would be in the future of the answer, and with it the buffer into which the connection read it,
/// for as long as the client waits.
fn sync(app: App, request: Ruma<sync_events::v3::Request>) -> impl Future<Output = Result<Response>> + Send {
    let asked = Box::pin(query(app.clone(), request));
    async move {
        let (who, query) = asked.await?;
        let answer: Answer = app.domain.sync.sync(&who, query).await?.into();
        completed(&app, &who, Json(answer), |event| event)
    }
}

async fn query(app: App, request: Ruma<sync_events::v3::Request>) -> Result<(Requester, SyncQuery)> {
    use sync_events::v3::Filter;
    let (who, filters) = (request.user()?, &app.domain.personal.filters);
    let filter = match &request.filter {
        Some(Filter::FilterDefinition(filter)) => Arc::new(filter.clone()),
        Some(Filter::FilterId(id)) => filters.choose(who, Some(id)).await?,
        _ => filters.choose(who, None).await?,
    };
    let since = Token::parse_opt(request.since.as_deref())?;
    let query = SyncQuery {
        since: since.map(|since| Position::from_i64(since.cut().max(0))),
        filter,
        full_state: request.full_state,
        wait: request.timeout.unwrap_or_default(),
        presence: request.set_presence.clone(),
        state_after: request.use_state_after,
    };
    Ok((who.clone(), query))
}
