//! What other servers get to know, and what they do not.
//!
//! Two servers or more in one process; their requests are signed as on the wire and go straight into the other's
//! router.

mod forks;
mod forms;
mod history;
mod malformed;
mod media;
mod neighbours;
mod people;
mod reads;
mod refused;
mod remote_joins;
mod resident;
mod signatures;
mod transaction;
