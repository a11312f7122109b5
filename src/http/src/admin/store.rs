//! Time spent in database operations: `GET /api/v1/store/operations`.

use std::time::Duration;

use hearth_admin::wire::{Operation, OperationKind, OperationList, paths};
use hearth_base::Result;
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, paths::STORE_OPERATIONS, list)]
}

async fn list(app: App, _: Call) -> Result<Json<OperationList>> {
    let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let operations = app.domain.admin.store_operations().into_iter().map(|operation| Operation {
        name: operation.name.to_owned(),
        kind: if operation.writes { OperationKind::Write } else { OperationKind::Read },
        count: operation.count,
        total_us: us(operation.total),
        max_us: us(operation.max),
    });
    let mut items: Vec<_> = operations.collect();
    items.sort_by_key(|operation| std::cmp::Reverse(operation.total_us));
    Ok(Json(OperationList { items }))
}
