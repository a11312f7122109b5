//! `[turn]`: the relay that calls need when two devices cannot reach each other.

use std::path::PathBuf;

use super::Secret;
use super::schema::section;

section! {
    /// The relay that calls need when two devices cannot reach each other: a TURN server such as coturn, with which a
    /// secret is shared (`use-auth-secret`).
    pub struct Turn {
        /// Where clients find the relay. Empty: there is none.
        uris: Vec<String> = Vec::new() => "['turn:turn.example.org?transport=udp', 'turns:turn.example.org?transport=tcp']",
        /// The secret shared with the relay.
        shared_secret: Option<Secret> = None => "'a long random text'",
        /// A file that holds the value of `shared_secret`.
        shared_secret_file: Option<PathBuf> = None => "'/run/secrets/hearth-turn'",
        /// How long a client may use the password it gets, in milliseconds.
        credential_lifetime_ms: u64 = 24 * 60 * 60 * 1_000,
    }
}
