//! What else belongs to a transaction: a note in the audit log, or that an action is to be finished. Given by whoever calls a use
//! case, so that it is on disk together with what the use case writes, or not at all.

use hearth_base::Result;
use hearth_store::WriteTx;

/// Runs in the transaction, after what it belongs to.
pub(crate) type Also = Box<dyn FnOnce(&mut WriteTx<'_>) -> Result<()> + Send>;

/// Nothing else.
pub(crate) fn nothing() -> Also {
    Box::new(|_| Ok(()))
}
