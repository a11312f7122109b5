//! The dashboard: a terminal program that shows one server and lets its admin act, over the admin socket.
//!
//! - [`state`] holds everything on screen; [`update`] changes it on a [`message`] and returns the
//!   [`message::Effect`]s to execute; [`view`] draws it. None of the three performs I/O, so tests drive them
//!   directly.
//! - [`effects`] executes effects in tasks and sends the results back as messages. [`run`] is the event loop.
//!   [`terminal`] sets the terminal up and restores it.
//! - All strings are in [`strings`], all key bindings in [`keys`].
//!
//! Not here: any rule about accounts or rooms. The server decides; the dashboard shows and asks for
//! confirmation.

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
