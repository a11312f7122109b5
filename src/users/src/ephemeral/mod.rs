//! Ephemeral data: typing notifications and presence, which live in memory, and read receipts, which are stored.

mod federate;
pub mod presence;
pub mod receipts;
mod status;
pub mod typing;

pub use presence::PresenceBook;
pub use typing::Typing;
