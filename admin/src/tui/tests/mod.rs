//! The dashboard without terminal and server: messages in, effects and frames out. What concerns one screen only is
//! tested in the folder of that screen.

mod confirmations;
pub(crate) mod fixtures;
mod hostile;
mod invites;
mod logic;
mod screens;
