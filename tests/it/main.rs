//! The one integration test binary: the server's behaviour as its users see it.
//!
//! `harness` is the vocabulary of the tests; every other module is one area. `cargo test --test it sync::` runs one.

mod harness;

mod access;
mod accounts;
mod actions;
mod appservices;
mod calls;
mod crash;
mod delayed;
mod devices;
mod durability;
mod encryption;
mod erasure;
mod federation;
mod finding;
mod forms;
mod history;
mod hostile_rules;
mod join;
mod leaks;
mod limits;
mod malformed;
mod media;
mod operator;
mod personal;
mod previews;
mod push;
mod pushers;
mod quotas;
mod registering;
mod rooms;
mod rtc;
mod simulation;
mod starting;
mod strangers;
mod surface;
mod sync;
mod threads;
mod tidy;
