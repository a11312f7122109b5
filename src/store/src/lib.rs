//! The database: one writer thread, several readers, two engines, one SQL text. All SQL of the program is in this
//! crate.
//!
//! `store.write("name", |tx| ...)` and `store.read("name", |tx| ...)` run a closure in one transaction on a thread of
//! the store; table functions (`tables`) do the work inside. Nothing public here shows a driver's type, and nothing
//! here knows what a homeserver does with what it stores.

#[cfg(test)]
mod contract;
pub mod engine;
mod hash;
pub mod ids;
mod job;
mod metrics;
mod migrate;
mod options;
mod positions;
mod queue;
mod read_queue;
mod readers;
mod snapshot;
mod space;
mod store;
pub mod tables;
mod tx;
pub mod varint;
mod writer;

pub use engine::{Dialect, EachRow, PerEngine, Row, Tx, Value};
pub use hash::hash64;
pub use metrics::{Operation, OperationKind, StoreHealth};
pub use options::{BALLAST_BYTES_DEFAULT, BallastOptions, EngineOptions, Options, SqliteOptions};
pub use queue::Lane;
pub use store::{Before, Store};
pub use tx::{ReadTx, WriteTx};
