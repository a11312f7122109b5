//! The keyring against servers that are honest, gone, or lying (`trust.md` 24).

mod fetching;
mod lists;
mod notaries;
mod own;
mod validity;
mod world;
