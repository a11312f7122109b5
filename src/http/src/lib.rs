//! Inbound HTTP: routes, authentication, limits, and the translation between the wire and the domain.
//!
//! A handler extracts, makes one domain call, and answers; it makes no decisions. It uses neither the store nor the
//! network.

pub mod admin;
pub mod app;
pub mod auth;
pub mod base_url;
pub mod client;
mod completed;
mod directory_page;
pub mod edge;
pub mod federation;
pub mod health;
pub mod json;
pub mod loose;
pub mod metrics;
mod pages;
pub mod respond;
pub mod route;
pub mod surface;
pub mod wellknown;

pub use app::App;
