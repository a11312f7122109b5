//! Actions through other servers, on a simulated network.

mod remote_membership;
mod remote_users;
