//! Full-text search: what text an event has, its words, and the index of words. `read/search.rs` answers requests.
//!
//! Messages are not indexed while they are sent: that would write several pages of the database each. A task puts
//! hundreds of events into the index in one write, and the same write records how far the index is. Events after that are few,
//! and a search reads them one by one. So a result is complete at any time: after a crash, while an old database is being
//! indexed, and when the rules for words change, which starts the index anew.

mod backlog;
mod index;
pub(crate) mod text;
pub(crate) mod words;

pub use backlog::Backlog;
pub(crate) use index::{redacted, reinstated};
