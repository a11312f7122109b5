//! IP networks, and which addresses are ordinary hosts of the internet.
//!
//! One table for all who must not be led into the network around the server: the guard of outgoing requests and the relay for
//! calls. A crate of its own, without dependencies, because the relay knows nothing else of this server, and the rest of the
//! server needs no relay to know about addresses. It opens no sockets and resolves no names.

mod cidr;
#[cfg(test)]
mod samples;
mod special;

pub use cidr::{Cidr, CidrError};
pub use special::is_public;
