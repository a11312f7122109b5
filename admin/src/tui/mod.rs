//! The dashboard: a terminal program that shows one server and lets its admin act, attached over the admin socket.
//!
//! - [`state`] is everything on screen and nothing else; [`update`] changes it when a [`message`] comes and says which
//!   [`message::Effect`]s should happen; [`view`] draws it. None of the three performs I/O, so tests drive them directly.
//! - [`effects`] does the work, in tasks, and sends what comes of it back as messages; [`run`] is the loop around it all;
//!   [`terminal`] borrows the terminal and gives it back whatever happens.
//! - Every word is in [`strings`], every key in [`keys`].
//!
//! Not here: any rule about accounts or rooms. The server decides; the dashboard asks, shows and asks twice.

mod command;
mod effects;
mod keys;
mod message;
mod run;
mod state;
mod strings;
mod terminal;
#[cfg(test)]
mod tests;
mod update;
mod view;

pub use run::{DashboardError, Options, run};
