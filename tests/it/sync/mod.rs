//! `/sync`: what a client learns, and when.

mod ephemeral;
mod sections;
mod state;
mod timeline;
mod unread;
