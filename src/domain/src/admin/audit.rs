//! The log of changes made through the admin plane.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::WriteTx;
use hearth_store::tables::audit as table;

use super::Admin;
use crate::also::Also;
use crate::core::Core;

/// Entries in one answer, at most.
const ENTRIES_MAX: u64 = 1_000;

/// One change.
pub use table::AuditRow as Entry;

/// A change by an administrator, to be noted. `action` is a steady word such as `user.deactivate`; `detail` never holds a secret.
#[derive(Debug)]
pub(crate) struct Note(Entry);

impl Note {
    /// What `actor` does to `target`; an empty `detail` for none.
    pub(crate) fn new(actor: &str, action: &'static str, target: &str, detail: &str) -> Self {
        let (actor, target, detail) = (actor.to_owned(), target.to_owned(), detail.to_owned());
        Self(Entry { at_ms: 0, actor, action: action.to_owned(), target, detail })
    }

    /// Notes the change in the transaction that makes it.
    pub(crate) fn insert(mut self, core: &Core, tx: &mut WriteTx<'_>) -> Result<()> {
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

    /// As [`Note::insert`], for a use case to run in its transaction.
    pub(crate) fn also(self, core: &Arc<Core>) -> Also {
        let core = Arc::clone(core);
        Box::new(move |tx| self.insert(&core, tx))
    }
}

impl Admin {
    /// Notes a change that is in memory only, and so has no transaction.
    pub(crate) async fn note(&self, note: Note) -> Result<()> {
        let core = Arc::clone(&self.core);
        self.core.store.write("audit_note", move |tx| note.insert(&core, tx)).await
    }

    /// The newest changes, newest first.
    pub async fn audit(&self, limit: u64) -> Result<Vec<Entry>> {
        let limit = limit.clamp(1, ENTRIES_MAX);
        self.core.store.read("audit_newest", move |tx| table::newest(tx.tx(), limit)).await
    }
}
