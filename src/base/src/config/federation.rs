//! `[federation]`: talking to other homeservers.

use super::schema::section;

section! {
    /// Talking to other homeservers.
    pub struct Federation {
        /// Whether this server talks to others at all.
        enabled: bool = true,
        /// The only servers to talk to; a leading `*.` stands for all names below. Empty: any.
        allow: Vec<String> = Vec::new() => "['example.org', '*.example.org']",
        /// Servers not to talk to, even if they are allowed above.
        deny: Vec<String> = Vec::new() => "['spam.example']",
    }
}
