//! What belongs to users: accounts, devices, keys and to-device messages, profiles and account data, presence and typing,
//! push rules and unread counts, media, relayed calls, and sync.

pub mod accounts;
pub mod calls;
pub mod crypto;
pub mod devices;
pub mod ephemeral;
pub mod media;
pub mod personal;
pub mod previews;
pub mod push;
pub mod sync;
pub mod uia;
