//! `/sync`.

use std::sync::Arc;

use hearth_base::{Position, Result};
use hearth_domain::rooms::read::Token;
use hearth_domain::sync::SyncQuery;
use ruma::api::client::sync::sync_events;

use super::sync_answer::Answer;
use crate::App;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(sync).all_but_locked()]
}

async fn sync(app: App, request: Ruma<sync_events::v3::Request>) -> Result<Json<Answer>> {
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
    Ok(Json(app.domain.sync.sync(who, query).await?.into()))
}
