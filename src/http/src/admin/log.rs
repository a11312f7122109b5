//! The recent log: `GET /api/v1/log`.

use std::sync::Arc;

use hearth_admin::wire::{LogPage, LogQuery, paths};
use hearth_base::Result;
use http::Method;

use super::{HostInfo, LogRing, endpoint};
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints(around: &Arc<HostInfo>) -> Vec<Endpoint> {
    let log = Arc::clone(&around.log);
    vec![endpoint(Method::GET, paths::LOG, move |_, call| page(Arc::clone(&log), call))]
}

async fn page(log: Arc<LogRing>, call: Call) -> Result<Json<LogPage>> {
    let query: LogQuery = call.query()?;
    Ok(Json(log.page(&query).await))
}
