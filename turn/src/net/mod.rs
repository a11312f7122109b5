//! The threads that move datagrams, their sockets and streams, and the handle that the embedding program holds.
//!
//! Threads share nothing on the data path. Each has its own client sockets on the shared port (the kernel
//! spreads clients over threads and keeps each client on one), the relay sockets and streams of its clients,
//! and a [`crate::server::Server`]. No datagram crosses threads or waits for a lock. On Linux, data and
//! requests arrive on separate sockets, so that a flood of requests does not delay calls.

mod batch;
mod coalescing;
mod command;
mod event;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(target_os = "linux")]
mod linux;
mod listeners;
mod monitor;
mod open;
mod peer_send_queue;
mod relay_sockets;
mod request_polling;
mod reservations;
pub(crate) mod running;
pub(crate) mod start;
mod stream;
mod stream_limiter;
mod streams;
#[cfg(test)]
mod tests;
mod worker;
