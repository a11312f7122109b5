//! What the database spends its time on: `GET /api/v1/store/operations`.

use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use hearth_admin::wire::{Operation, OperationKind, OperationList, paths};

use super::Context;

pub(super) fn routes() -> Router<Context> {
    Router::new().route(paths::STORE_OPERATIONS, get(list))
}

async fn list(State(context): State<Context>) -> Json<OperationList> {
    let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let operations = context.app.domain.admin.store_operations().into_iter().map(|operation| Operation {
        name: operation.name.to_owned(),
        kind: if operation.writes { OperationKind::Write } else { OperationKind::Read },
        count: operation.count,
        total_us: us(operation.total),
        max_us: us(operation.max),
    });
    let mut items: Vec<_> = operations.collect();
    items.sort_by_key(|operation| std::cmp::Reverse(operation.total_us));
    Json(OperationList { items })
}
