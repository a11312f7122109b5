//! `[push]`: what users are notified of, and where.

use super::Cidr;
use super::schema::section;

section! {
    /// What users are notified of.
    pub struct Push {
        /// Whether a message that has a user's display name, their user name or `@room` in it is a mention, where it does not
        /// say itself whom it mentions. Older clients write only the text.
        legacy_mentions: bool = true,
        /// Whether push gateways get the content of messages. Clients that fetch the message themselves ask for its id only,
        /// and never need it. Encrypted messages are encrypted there, too.
        include_content: bool = true,
        /// Address ranges of push gateways that are not public, such as one of your own in the local network. Users choose
        /// the gateways, so others are refused. Those in `outgoing.allowed_ranges` are allowed as well.
        allowed_ranges: Vec<Cidr> = Vec::new() => "['192.168.1.10', 'fd00::/8']",
    }
}
