//! Push rules and their results: notifications, highlights, unread counts.

mod context;
pub mod counts;
mod display_name;
pub mod evaluate;
mod legacy;
pub mod notified;
pub mod rules;
mod tally;
#[cfg(test)]
mod tests;
mod walk;
