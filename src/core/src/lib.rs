//! What every part of the domain stands on: [`Core`] (storage, clock, randomness, configuration, the server's name and
//! key, the notifier), the requester of an action, rate limits, the interface to the network. It knows nothing of rooms.

mod allowed;
pub mod also;
pub mod answering;
pub mod appservices;
pub mod canonical;
mod core;
pub mod detached;
pub mod jobs;
pub mod keys;
pub mod notify;
pub mod page;
pub mod ports;
pub mod quotas;
pub mod rates;
mod requester;
pub mod server_name;
pub mod turns;
pub mod username;

pub use core::Core;
pub use requester::Requester;
