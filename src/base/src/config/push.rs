//! `[push]`: notifications to phones.

use super::schema::section;

section! {
    /// Notifications to phones. They go through the gateway that the app on the phone names; addresses that must not be
    /// reached are the matter of `[outgoing]`.
    pub struct Push {
        /// Whether notifications are sent. What is unread is counted either way.
        enabled: bool = true,
    }
}
