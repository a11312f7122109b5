//! Cross-signing keys, with which a user verifies their own devices and other users (client-server API,
//! "Cross-signing").

pub(super) mod check;
mod signatures;
mod upload;

pub use signatures::{Failed, SignedKeys};
pub use upload::{CrossSigningOutcome, CrossSigningUpload};
