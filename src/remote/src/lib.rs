//! Outbound HTTP: the clients for other servers.
//!
//! No other code in Hearth opens outbound connections (`clippy.toml` enforces it). [`Homeservers`] connects to other
//! homeservers, [`Gateways`] to push gateways, [`Pages`] to web pages, [`Appointed`] to programs that the operator configures. All use hyper's
//! client, as will application services and mail.
//!
//! The domain decides what is sent, and calls these clients through its ports.

mod appointed;
mod connect;
mod federation;
mod gateways;
mod guard;
mod pages;
mod web;

pub use appointed::Appointed;
pub use connect::tls::client_config as tls_client_config;
pub use federation::Homeservers;
pub use gateways::Gateways;
pub use guard::Guard;
pub use pages::Pages;
