//! Application services: what they are sent, and when.

mod bridge;
mod deliveries;
mod questions;
mod rights;

pub(crate) use bridge::Bridge;
