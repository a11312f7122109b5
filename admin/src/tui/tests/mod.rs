//! The dashboard without terminal and server: messages in, effects and frames out.

mod calls;
mod confirmations;
mod federation;
mod fixtures;
mod hostile;
mod logic;
mod screens;
