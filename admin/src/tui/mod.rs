//! The dashboard: a terminal program that shows one server and lets its admin act, over the admin socket.
//!
//! - [`screens`] has one folder per screen; each implements the trait [`screen::Screen`], whose documentation tells how
//!   to write one. Nothing outside of a screen's folder knows it, except the list in [`screens`].
//! - [`parts`] are what screens are made of: tables, detail views, dialogs.
//! - [`state`] holds everything on screen; [`update`] changes it on a message and returns the effects to execute;
//!   [`view`] draws it. None of the three performs I/O, so tests drive them directly.
//! - [`request`] describes requests as data, [`worker`] sends them. [`run`] is the event loop. [`terminal`] sets the
//!   terminal up and restores it.
//!
//! Not here: any rule about accounts or rooms. The server decides; the dashboard shows and asks for
//! confirmation.

mod command;
mod history;
mod keys;
mod parts;
mod request;
mod run;
mod screen;
mod screens;
mod state;
mod strings;
mod terminal;
#[cfg(test)]
mod tests;
mod update;
mod view;
mod worker;

pub use run::{DashboardError, Options, run};
