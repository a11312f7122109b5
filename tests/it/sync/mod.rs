//! `/sync`: what a client learns, and when.

mod ephemeral;
mod left;
mod sections;
mod state;
mod timeline;
mod unread;
