//! Rooms: creation, membership, events, moderation, discovery.

mod blocking;
mod creating;
mod directory;
mod events;
mod following;
mod joining;
mod large;
mod large_state;
mod moderation;
mod reading;
mod searching;
mod upgrading;
