//! `hearth setup`: a guided first start in the terminal.
//!
//! It asks at most five questions, checks each answer against the machine and its network as soon as it is given, and then
//! writes the settings. Three seams keep it testable: [`Terminal`] is where the questions go, [`World`] is what can be
//! learned about the machine and its network, and the caller brings what needs the rest of the program.
//!
//! Nothing is written before the last question is answered, and a file is replaced in one step, so that Ctrl-C at any
//! point leaves nothing half-written. What this crate does not do: run the server, or talk to it.

mod answers;
mod checks;
mod dialog;
mod files;
mod finding;
mod livekit;
mod mapping;
pub mod outside;
mod service;
mod settings;
mod system;
mod terminal;
#[cfg(test)]
mod tests;
mod world;

pub use answers::{Answers, Given, Reach};
pub use dialog::{Dialog, Stop};
pub use files::{make_folder, write_file};
pub use finding::{Finding, Level};
pub use livekit::{GroupCalls, NewFile, livekit_program};
pub use mapping::{MapError, Router, forwarded_ports};
pub use service::{Runner, Service, Shell};
pub use settings::{Settings, mode_of};
pub use system::System;
pub use terminal::{Console, Terminal};
pub use world::{Disk, DnsFault, PortState, RouterView, Transport, World};
