//! Rooms: making them, who is in them, what can be done there, how they are found.

mod blocking;
mod creating;
mod directory;
mod events;
mod following;
mod joining;
mod moderation;
mod reading;
mod upgrading;
