//! What other servers get to know, and what they do not.
//!
//! Two servers or more in one process; their requests are signed as on the wire and go straight into the other's router.

mod letter;
mod people;
mod refused;
mod signatures;
