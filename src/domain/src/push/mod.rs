//! Push rules and what they make of events: who is notified, who is highlighted, how much is unread.

pub mod counts;
pub mod evaluate;
pub mod notified;
pub mod rules;
