//! `[presence]`: which users are online.

use super::schema::section;

section! {
    /// Presence: which users are online.
    pub struct Presence {
        /// Whether users of this server see who is online.
        enabled: bool = true,
        /// Whether presence is exchanged with other homeservers. It is most of the traffic of a small server in large
        /// rooms.
        federated: bool = false,
    }
}
