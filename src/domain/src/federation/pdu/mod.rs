//! Letting events of other servers in: the checks on receipt of a PDU (server-server API), in the specification's order.
//!
//! [`parse`] makes a [`IncomingPdu`] of bytes, `Federation::vet` checks its signatures, and `Federation::admit` brings it into its
//! room with all that has to be fetched and resolved for that. For those who bring whole parts of a room there are [`judge`],
//! [`outliers`], [`adopt`] and [`backfilled`], to be called inside a write closure. Nothing here knows how events come in.

mod auth_events;
mod auth_order;
mod backfilled;
mod canonical_json;
mod expire;
mod graph_order;
mod handle;
mod join_state;
mod missing_events;
mod outliers;
mod parse;
mod persist;
mod plan;
mod signatures;
mod state_before;

pub use auth_order::check_auth;
pub use backfilled::{BackfilledEvent, backfilled};
pub(in crate::federation) use expire::Ages;
pub(in crate::federation) use handle::RoomInfo;
pub use join_state::{Adoption, adopt};
pub use outliers::outliers;
pub use parse::{IncomingPdu, parse};
pub(in crate::federation) use persist::{PersistConflict, PersistOutcome, quickly, room};
pub use plan::PduOutcome;
