//! Events of made-up servers, taken in by a real one over a real database.
#![expect(clippy::cloned_ref_to_slice_refs, reason = "a list of one event reads as such")]

mod graph;
mod hidden_gaps;
mod hostile;
mod missing;
mod odd;
mod orders;
mod ordinary;
mod outage;
mod past;
mod policy_rooms;
mod redactions;
mod wide;
mod world;
