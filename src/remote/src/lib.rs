//! Outbound HTTP: the one client through which this server talks to others.
//!
//! Nothing else in Hearth opens a connection to the outside (`clippy.toml` says so). Federation, push gateways, application
//! services and mail will stand on it; what they mean is the domain's business, which calls them through its ports.

mod client;
mod guard;

pub use client::{Outbound, tls_config};
pub use guard::Guard;
