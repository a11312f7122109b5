//! A relay for calls (STUN and TURN) that a household does not have to configure, and that cannot be used against it. Knows
//! nothing of Matrix; depends on nothing else of this workspace.
//!
//! Three layers, each usable without the one above: [`stun`] is the wire format, [`server`] the relay as a state machine
//! without input and output, and `net` the threads that move datagrams. [`peers`] decides whom may be sent to.

pub mod credentials;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod limits;
mod net;
pub mod peers;
pub mod probe;
mod reach;
pub mod server;
pub mod settings;
pub mod shared;
pub mod stun;

pub use credentials::{Authority, Credentials};
pub use net::running::{Accepted, Running};
pub use net::start::{StartError, start};
pub use server::{AllocationId, AllocationView, Traffic, Transport};
pub use settings::{Public, Settings};
pub use shared::{Counters, Quotas, Refusal, UserTotals};
