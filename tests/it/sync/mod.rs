//! `/sync`: its contents and its timing.

mod ephemeral;
mod left;
mod sections;
mod sliding;
mod sliding_extensions;
mod sliding_memory;
mod sliding_profiles;
mod state;
mod timeline;
mod unread;
