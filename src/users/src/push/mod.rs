//! Push rules and their results: notifications, highlights, unread counts, and the delivery to pushers.

mod budget;
mod compile;
mod context;
pub mod counts;
pub mod delivery;
mod evaluate;
mod globs;
mod legacy;
mod matcher;
#[cfg(test)]
mod matcher_tests;
mod names;
pub mod notified;
mod pieces;
pub mod rules;
mod tally;
#[cfg(test)]
mod tests;
mod threads;
mod unstable;
mod values;
mod walk;

pub(crate) use compile::{conditions, longest_pattern, searched_bytes};
