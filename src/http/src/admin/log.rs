//! The recent log: `GET /api/v1/log`.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use hearth_admin::wire::{LogPage, LogQuery, paths};

use super::Context;
use super::answer::AdminQuery;

pub(super) fn routes() -> Router<Context> {
    Router::new().route(paths::LOG, get(page))
}

async fn page(State(context): State<Context>, AdminQuery(query): AdminQuery<LogQuery>) -> Json<LogPage> {
    Json(context.around.log.page(&query).await)
}
