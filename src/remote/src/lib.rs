//! Outbound HTTP: the clients through which this server talks to others.
//!
//! Nothing else in Hearth opens a connection to the outside (`clippy.toml` says so). [`Homeservers`] leads to other
//! homeservers; [`Appointed`] leads to programs that the operator names. Both stand on hyper's client, as will push
//! gateways, application services and mail. What is said is the domain's business, which calls them through its ports.

mod appointed;
mod connect;
mod federation;
mod guard;
mod web;

pub use appointed::Appointed;
pub use federation::Homeservers;
pub use guard::Guard;
