//! Who changed what: `GET /api/v1/audit`.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use hearth_admin::wire::{AuditEntry, AuditList, AuditQuery, paths};

use super::Context;
use super::answer::{AdminAnswer, AdminQuery};

/// Entries, unless asked otherwise.
const ENTRIES_DEFAULT: u32 = 100;

pub(super) fn routes() -> Router<Context> {
    Router::new().route(paths::AUDIT, get(list))
}

async fn list(State(context): State<Context>, AdminQuery(query): AdminQuery<AuditQuery>) -> AdminAnswer<AuditList> {
    let entries = context.app.domain.admin.audit(query.limit.unwrap_or(ENTRIES_DEFAULT).into()).await?;
    let items = entries.into_iter().map(|entry| AuditEntry {
        ts_ms: entry.at_ms,
        actor: entry.actor,
        action: entry.action,
        target: entry.target,
        detail: entry.detail,
    });
    Ok(Json(AuditList { items: items.collect() }))
}
