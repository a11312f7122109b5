//! Cross-signing: a user's own keys, with which they vouch for their devices and for other users (client-server API,
//! "Cross-signing").

pub(super) mod check;
mod signatures;
mod upload;

pub use signatures::{Failed, SignedKeys};
pub use upload::{CrossSigningOutcome, CrossSigningUpload};
