//! `[push]`: what users are notified of.

use super::schema::section;

section! {
    /// What users are notified of.
    pub struct Push {
        /// Whether a message that has a user's display name, their user name or `@room` in it is a mention, where it does not
        /// say itself whom it mentions. Older clients write only the text.
        legacy_mentions: bool = true,
    }
}
