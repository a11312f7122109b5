//! The keyring against honest, unreachable and malicious servers (`trust.md` 24).

mod fetching;
mod lists;
mod notaries;
mod own;
mod validity;
mod world;
