//! Events alone: parsing, authoring, serialising. Uses neither the database nor any other part of the domain.

pub mod auth_rules;
pub mod author;
pub mod client;
pub mod pdu;
pub mod version;

pub use author::{Authored, Draft, GraphPosition};
pub use pdu::Pdu;
