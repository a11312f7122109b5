//! Starting the program as an operator does: first starts, names, permissions, and every refusal with its remedy.

mod local_network;
mod program;
mod refusals;
mod reloading;
mod server_name;
mod socket;
