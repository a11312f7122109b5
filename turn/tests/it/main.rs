//! Integration tests of the relay over real sockets: with a client of its own, with webrtc-rs's, and with
//! coturn's tools.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests are tests")]

mod calls;
mod client;
mod coturn;
mod flood;
mod harness;
mod netns;
mod operating;
mod probing;
mod proxy;
mod streams;
mod udp;
#[cfg(target_os = "linux")]
mod unreachable;
mod webrtc;
