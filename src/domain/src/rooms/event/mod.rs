//! Events by themselves: parsing, making, showing. Knows no database and no other part of the domain.

pub(crate) mod auth_rules;
pub mod author;
pub mod client;
pub mod pdu;
pub mod version;

pub use author::{Authored, Draft, GraphPosition};
pub use pdu::Pdu;
