//! What the database spends its time on: `GET /api/v1/store/operations`.

use serde::{Deserialize, Serialize};

/// Answer to `GET /api/v1/store/operations`: one row per named operation since the server started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationList {
    /// The operations, the one with the largest total first.
    pub items: Vec<Operation>,
}

/// One named operation of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The name the code gave it.
    pub name: String,
    /// Whether it ran on the writer or on a reader.
    pub kind: OperationKind,
    /// How often it ran.
    pub count: u64,
    /// Microseconds it took, all runs together.
    pub total_us: u64,
    /// Microseconds the slowest run took.
    pub max_us: u64,
}

/// Which side of the store an operation ran on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// On one of the readers.
    Read,
    /// On the writer.
    Write,
}
