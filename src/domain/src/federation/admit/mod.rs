//! Letting events of other servers in: the checks on receipt of a PDU (server-server API), in the specification's order.
//!
//! [`parse`] makes a [`Candidate`] of bytes, `Federation::vet` checks its signatures, and `Federation::admit` brings it into its
//! room with all that has to be fetched and resolved for that. For those who bring whole parts of a room there are [`judge`],
//! [`outliers`], [`adopt`] and [`backfilled`], to be called inside a write closure. Nothing here knows how events come in.

mod adopt;
mod backfilled;
mod catch_up;
pub(super) mod checks;
mod enter;
mod fetch;
mod judge;
mod outliers;
mod parse;
mod plan;
mod state_before;
mod store;
mod strict;
mod vet;

pub use adopt::{Adoption, adopt};
pub use backfilled::{Past, backfilled};
pub(in crate::federation) use enter::Place;
pub use judge::judge;
pub use outliers::outliers;
pub use parse::{Candidate, parse};
pub use plan::Verdict;
pub(in crate::federation) use store::{Tried, quickly, room};
