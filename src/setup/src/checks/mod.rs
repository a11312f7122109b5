//! The checks: pure functions of what the world shows, each with its fix.

pub(crate) mod addresses;
pub(crate) mod folder;
pub(crate) mod machine;
pub(crate) mod names;
pub(crate) mod ports;
