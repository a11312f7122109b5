//! `[presence]`: who is online.

use super::schema::section;

section! {
    /// Who is online.
    pub struct Presence {
        /// Whether users of this server see who is online.
        enabled: bool = true,
        /// Whether it is told to other homeservers, and heard from them. It is most of the traffic of a small server in
        /// large rooms.
        federated: bool = false,
    }
}
