//! The test harness: a world with a server, users of it, and what they see.
//!
//! Names are chosen so that a test reads as a story. A method whose name is a plain statement (`alice.joins(&room)`)
//! fails the test when the server refuses; to test a refusal, use [`Person::get`], [`Person::post`] and so on. Only
//! [`World`] depends on how a server is started.

mod answer;
mod client;
mod clock;
mod cluster;
mod creation;
pub(crate) mod keys;
mod network;
mod path;
mod person;
mod reading;
mod rooms;
mod seen;
mod steps;
mod world;

pub(crate) use answer::Answer;
pub(crate) use client::{Ask, Client};
pub(crate) use clock::TestClock;
pub(crate) use cluster::Cluster;
pub(crate) use creation::Room;
pub(crate) use network::{Faults, ServerLink, SimulatedNetwork};
pub(crate) use path::{encoded, v1, v3};
pub(crate) use person::{PASSWORD, Person};
pub(crate) use seen::Seen;
pub(crate) use steps::Steps;
pub(crate) use world::World;

pub(crate) use serde_json::{Value, json};

/// The `body`s of events, in order; events without one are left out.
pub(crate) fn bodies(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["content"]["body"].as_str()).collect()
}

/// The types of events, in order.
pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

/// The ids of events, in order.
pub(crate) fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event_id"].as_str()).collect()
}

/// A list in a response; an absent one is empty.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
