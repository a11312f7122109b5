//! The audit log of changes made through the admin API.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::domain::AUDIT_ENTRIES_MAX;
use hearth_core::also::Also;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::tables::audit as table;

use super::Admin;

/// One change.
pub use table::AuditRow as Entry;

/// An audit entry to write. `action` is a stable word such as `user.deactivate`; `detail` never contains a secret.
#[derive(Debug)]
pub(crate) struct Note(Entry);

impl Note {
    /// What `actor` did to `target`; `detail` may be empty.
    pub(crate) fn new(actor: &str, action: &'static str, target: &str, detail: &str) -> Self {
        let (actor, target, detail) = (actor.to_owned(), target.to_owned(), detail.to_owned());
        Self(Entry { at_ms: 0, actor, action: action.to_owned(), target, detail })
    }

    /// Writes the entry in the transaction of the change, so that neither exists without the other.
    pub(crate) fn insert(mut self, core: &RoomCore, tx: &mut WriteTx<'_>) -> Result<()> {
        self.0.at_ms = core.now_ms();
        table::insert(tx, &self.0)?;
        let Entry { actor, action, target, detail, .. } = self.0;
        tx.after_commit(move || {
            tracing::info!(
                audit.actor = actor,
                audit.action = action,
                audit.target = target,
                audit.detail = detail,
                "Recorded an admin action."
            );
        });
        Ok(())
    }

    /// As [`Note::insert`], for a use case that runs it in its own transaction.
    pub(crate) fn also(self, core: &Arc<RoomCore>) -> Also {
        let core = Arc::clone(core);
        Box::new(move |tx| self.insert(&core, tx))
    }
}

impl Admin {
    /// Writes an entry for a change in memory, which has no transaction.
    pub(crate) async fn note(&self, note: Note) -> Result<()> {
        let core = Arc::clone(&self.core);
        self.core.store.write("audit_note", move |tx| note.insert(&core, tx)).await
    }

    /// The newest entries, newest first.
    #[boxed]
    pub async fn audit(&self, limit: u64) -> Result<Vec<Entry>> {
        let limit = limit.clamp(1, AUDIT_ENTRIES_MAX);
        self.core.store.read("audit_newest", move |tx| table::newest(tx.tx(), limit)).await
    }
}
