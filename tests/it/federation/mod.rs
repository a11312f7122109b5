//! Which data other servers receive, and which not.
//!
//! Two or more servers in one process; requests are signed as on the wire and go directly to the other server's router.

mod canonical_forms;
mod forks;
mod forms;
mod history;
mod log_lines;
mod malformed;
mod media;
mod neighbours;
mod omit_members;
mod open_invites;
mod people;
mod reads;
mod refused;
mod remote_joins;
mod resident;
mod signatures;
mod transaction;
