//! The log of changes made through the admin plane.

use hearth_base::Result;
use hearth_store::tables::audit as table;

use super::Admin;

/// Entries in one answer, at most.
const ENTRIES_MAX: u64 = 1_000;

/// One change.
pub use table::AuditRow as Entry;

impl Admin {
    /// Notes a change that was made. `action` is a steady word such as `user.deactivate`; `detail` never holds a secret.
    pub async fn note(&self, actor: &str, action: &'static str, target: &str, detail: String) -> Result<()> {
        tracing::info!(
            audit.actor = actor,
            audit.action = action,
            audit.target = target,
            audit.detail = detail,
            "Recorded an admin action."
        );
        let (at_ms, actor, target) = (self.core.now_ms(), actor.to_owned(), target.to_owned());
        let row = Entry { at_ms, actor, action: action.to_owned(), target, detail };
        self.core.store.write("audit_note", move |tx| table::insert(tx, &row)).await
    }

    /// The newest changes, newest first.
    pub async fn audit(&self, limit: u64) -> Result<Vec<Entry>> {
        let limit = limit.clamp(1, ENTRIES_MAX);
        self.core.store.read("audit_newest", move |tx| table::newest(tx.tx(), limit)).await
    }
}
