//! What the database says about itself, in words that do not need the store's crate.

use hearth_store::{Operation, OperationKind};

use super::Admin;

/// The database's condition.
pub use hearth_store::StoreHealth;

/// What one kind of work on the database has cost since the start.
#[derive(Debug, Clone)]
pub struct StoreOperation {
    /// The name that the code gave it.
    pub name: &'static str,
    /// Whether it writes.
    pub writes: bool,
    /// How often it ran.
    pub count: u64,
    /// How often it ended in an error or a refusal.
    pub failed: u64,
    /// All its runs together.
    pub total: std::time::Duration,
    /// Its longest run.
    pub max: std::time::Duration,
}

impl From<Operation> for StoreOperation {
    fn from(operation: Operation) -> Self {
        let Operation { name, kind, count, failed, total, max } = operation;
        Self { name, writes: kind == OperationKind::Write, count, failed, total, max }
    }
}

impl Admin {
    /// What the database's threads have done since the start.
    #[must_use]
    pub fn store_operations(&self) -> Vec<StoreOperation> {
        self.core.store.operations().into_iter().map(Into::into).collect()
    }

    /// The database's condition at this moment.
    #[must_use]
    pub fn store_health(&self) -> StoreHealth {
        self.core.store.health()
    }
}
