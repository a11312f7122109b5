//! Database statistics, in types that do not expose the store crate.

use hearth_store::{Operation, OperationKind};

use super::Admin;

/// The database's health.
pub use hearth_store::StoreHealth;

/// Statistics of one database operation since the server started.
#[derive(Debug, Clone)]
pub struct StoreOperation {
    /// The operation's name in the code.
    pub name: &'static str,
    /// Whether it is a write.
    pub writes: bool,
    /// Number of runs.
    pub count: u64,
    /// Runs that returned an error.
    pub failed: u64,
    /// Total time of all runs.
    pub total: std::time::Duration,
    /// Longest run.
    pub max: std::time::Duration,
}

impl From<Operation> for StoreOperation {
    fn from(operation: Operation) -> Self {
        let Operation { name, kind, count, failed, total, max } = operation;
        Self { name, writes: kind == OperationKind::Write, count, failed, total, max }
    }
}

impl Admin {
    /// Statistics of all database operations since the server started.
    #[must_use]
    pub fn store_operations(&self) -> Vec<StoreOperation> {
        self.core.store.operations().into_iter().map(Into::into).collect()
    }

    /// The current health of the database.
    #[must_use]
    pub fn store_health(&self) -> StoreHealth {
        self.core.store.health()
    }
}
