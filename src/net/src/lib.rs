//! IP networks, and which addresses are public.
//!
//! One table protects the server's own network in two places: outgoing requests, and the TURN relay. It is a separate
//! crate without dependencies: the relay depends on no other part of the server, and the rest of the server needs no
//! relay to classify addresses. It opens no sockets and resolves no names; it reads this
//! machine's own addresses from `/proc`.

mod cidr;
mod own;
#[cfg(test)]
mod samples;
mod special;

pub use cidr::{Cidr, CidrError};
pub use own::{OwnAddress, own_addresses};
pub use special::is_public;
