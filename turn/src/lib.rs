//! A STUN and TURN server for calls. It needs no configuration behind a home router, and it cannot be used to
//! reach the operator's own network. The crate knows nothing of Matrix and depends on no other crate of this
//! workspace.
//!
//! Three layers, each usable without the one above it:
//!
//! - [`stun`] reads and writes the wire format.
//! - [`server`] is the TURN server as a state machine that performs no I/O.
//! - `net` holds the threads that move datagrams between sockets and the state machine.
//!
//! [`peers`] decides which peer addresses a client may reach.

pub mod credentials;
mod discovery;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod limits;
mod net;
pub mod peers;
pub mod probe;
pub mod server;
pub mod settings;
pub mod shared;
pub mod stun;

pub use credentials::{Authority, Credentials};
pub use discovery::{seen_by, source_addresses};
pub use net::running::{AcceptedStream, Running};
pub use net::start::{StartError, start};
pub use server::{AllocationId, AllocationView, Traffic, Transport};
pub use settings::{OpenedSockets, Public, Settings};
pub use shared::{Counters, Quotas, Refusal, UserTotals};
