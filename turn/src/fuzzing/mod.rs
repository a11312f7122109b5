//! What the fuzzer runs, and the replay of what it has found worth keeping: `turn/fuzz` throws bytes at these functions,
//! `cargo test` its corpus. Each reads its bytes as a script, does what it says to a part of the relay, and checks what must
//! hold, against a model where there is one. A failure is a panic. Not compiled into a relay.

pub mod message;
pub mod packets;
#[cfg(test)]
mod replay;
pub(crate) mod script;

/// Streams, which live where nobody else can reach them.
pub mod stream {
    pub use crate::net::fuzzing::{Reached, stream};
}
