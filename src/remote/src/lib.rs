//! Outbound HTTP: the clients through which this server talks to others.
//!
//! Nothing else in Hearth opens a connection to the outside (`clippy.toml` says so). [`Homeservers`] leads to other homeservers;
//! push gateways, application services and mail stand on [`Outbound`]; [`Appointed`] leads to programs that the operator names.
//! What is said is the domain's business, which calls them through its ports.

mod appointed;
mod client;
mod federation;
mod guard;

pub use appointed::Appointed;
pub use client::{Outbound, tls_config};
pub use federation::Homeservers;
pub use guard::Guard;
