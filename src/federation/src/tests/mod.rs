//! Events of simulated servers, received by a real server over a real database.
#![expect(clippy::cloned_ref_to_slice_refs, reason = "a list of one event reads as such")]

mod faults;
mod gaps;
pub(crate) mod graph;
mod hidden_gaps;
mod hostile;
mod missing;
mod odd;
mod orders;
mod ordinary;
mod outage;
mod parts;
mod past;
mod policy_rooms;
mod redactions;
pub(crate) mod services;
mod wide;
pub(crate) mod world;
