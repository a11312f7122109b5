//! What other servers get to know, and what they do not.
//!
//! Two servers or more in one process; their requests are signed as on the wire and go straight into the other's router.

mod entering;
mod forks;
mod history;
mod hosting;
mod letter;
mod malformed;
mod media;
mod neighbours;
mod people;
mod reads;
mod refused;
mod signatures;
