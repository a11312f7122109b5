//! Additional writes of a transaction: an audit log entry, or the row of a durable action. The caller of a use case
//! passes them, so that both are committed together or not at all.

use hearth_base::Result;
use hearth_store::WriteTx;

/// Runs in the transaction, after the use case's own writes.
pub type Also = Box<dyn FnOnce(&mut WriteTx<'_>) -> Result<()> + Send>;

/// No additional writes.
pub fn nothing() -> Also {
    Box::new(|_| Ok(()))
}
