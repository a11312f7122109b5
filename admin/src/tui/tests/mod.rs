//! The dashboard without terminal and server: messages in, effects and frames out.

mod calls;
mod federation;
mod fixtures;
mod hostile;
mod logic;
mod questions;
mod screens;
