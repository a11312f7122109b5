//! `/sync`: its contents and its timing.

mod ephemeral;
mod left;
mod sections;
mod state;
mod timeline;
mod unread;
