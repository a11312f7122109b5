//! The threads that move datagrams, and what is around them: sockets, streams, and the handle that the program holds.
//!
//! Each thread has everything that it needs by itself: sockets for clients at the shared port (the kernel spreads clients
//! over the threads and keeps each with one), its clients' relay sockets and streams, and a [`crate::server::Server`]. So no
//! datagram passes from thread to thread, and none waits for a lock. On Linux, what clients say to peers comes through one
//! socket and what they ask of the relay through another, so that no call waits behind a flood of requests.

mod batch;
mod client_table;
mod command;
mod event;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gate;
#[cfg(target_os = "linux")]
mod linux;
mod listeners;
mod open;
mod pace;
mod relays;
mod reservations;
pub(crate) mod running;
mod sending;
pub(crate) mod start;
mod stream;
mod streams;
mod watch;
mod worker;
