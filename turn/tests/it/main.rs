//! The relay over real sockets: with our own client, with webrtc-rs's, and with coturn's tools.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests are tests")]

mod calls;
mod client;
mod coturn;
mod flood;
mod harness;
mod hop;
mod netns;
mod operating;
mod probing;
mod streams;
mod udp;
#[cfg(target_os = "linux")]
mod unreachable;
mod webrtc;
