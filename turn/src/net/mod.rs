//! The threads that move datagrams, and what is around them: sockets, streams, and the handle that the program holds.
//!
//! Each thread has everything that it needs by itself: a socket for clients at the shared port (the kernel spreads clients
//! over the threads and keeps each with one), its clients' relay sockets and streams, and a [`crate::server::Server`]. So no
//! datagram passes from thread to thread, and none waits for a lock.

mod batch;
mod command;
mod event;
mod gate;
mod open;
mod pace;
mod relays;
mod reservations;
pub(crate) mod running;
mod sending;
mod stream;
mod streams;
mod worker;
