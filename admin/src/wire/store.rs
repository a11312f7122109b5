//! Timing of database operations: `GET /api/v1/store/operations`.

use serde::{Deserialize, Serialize};

/// Response to `GET /api/v1/store/operations`: one row per named operation since the server start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationList {
    /// The operations, ordered by descending total time.
    pub items: Vec<Operation>,
}

/// A named database operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The name in the code.
    pub name: String,
    /// Whether it runs on the writer or on a reader.
    pub kind: OperationKind,
    /// Number of runs.
    pub count: u64,
    /// Total time, in microseconds.
    pub total_us: u64,
    /// Slowest run, in microseconds.
    pub max_us: u64,
}

/// Where an operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// On a reader thread.
    Read,
    /// On the writer thread.
    Write,
}
