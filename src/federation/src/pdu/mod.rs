//! Handling of incoming PDUs: the checks on receipt (server-server API), in the order of the specification.
//!
//! [`parse()`] turns bytes into an [`IncomingPdu`], `Federation::check_signatures` checks its signatures, and
//! `Federation::handle_pdu` adds it to its room with all fetches and state resolution that this needs. For callers with
//! whole parts of a room there are [`check_auth`], [`outliers()`], [`adopt`] and [`backfilled()`], to be called in a
//! transaction. This module does not depend on how events arrive.

mod ancestry;
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
pub(crate) use expire::Ages;
pub(crate) use graph_order::order;
pub(crate) use handle::RoomInfo;
pub use join_state::{Adoption, adopt};
pub use outliers::outliers;
pub(crate) use parse::UncheckedPdu;
pub use parse::{IncomingPdu, parse};
pub(crate) use persist::{PersistConflict, PersistOutcome, quickly, room};
pub use plan::PduOutcome;
pub(crate) use state_before::{ReportedState, StateNeed, StateParts};
