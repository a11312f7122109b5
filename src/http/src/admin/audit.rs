//! The audit log: `GET /api/v1/audit`.

use hearth_admin::wire::{AuditEntry, AuditList, AuditQuery, paths};
use hearth_base::Result;
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

/// Entries per page without a `limit`.
const ENTRIES_DEFAULT: u32 = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, paths::AUDIT, list)]
}

async fn list(app: App, call: Call) -> Result<Json<AuditList>> {
    let query: AuditQuery = call.query()?;
    let entries = app.domain.admin.audit(query.limit.unwrap_or(ENTRIES_DEFAULT).into()).await?;
    let items = entries.into_iter().map(|entry| AuditEntry {
        ts_ms: entry.at_ms,
        actor: entry.actor,
        action: entry.action,
        target: entry.target,
        detail: entry.detail,
    });
    Ok(Json(AuditList { items: items.collect() }))
}
