//! Push rules and what they make of events: who is notified, who is highlighted, how much is unread.

mod context;
pub mod counts;
mod display_name;
pub mod evaluate;
mod legacy;
pub mod notified;
pub mod rules;
mod tally;
mod walk;
