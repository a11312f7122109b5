//! Rooms: making them, being in them, saying something, and reading what was said.

pub mod append;
mod effects;
pub mod event;
pub mod load;
pub mod locals;
pub mod power;
pub mod redaction;
pub mod relate;
pub mod state;
pub mod stripped;
