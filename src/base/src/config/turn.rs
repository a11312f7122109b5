//! `[turn]`: the relay that calls need when two devices cannot reach each other.

use std::path::PathBuf;

use super::Secret;
use super::check::Checks;
use super::schema::section;

section! {
    /// The relay that calls need when two devices cannot reach each other: a TURN server such as coturn, with which a
    /// secret is shared (`use-auth-secret`).
    pub struct Turn {
        /// Where clients find the relay. Empty: there is none.
        uris: Vec<String> = Vec::new() => "['turn:turn.example.org?transport=udp', 'turns:turn.example.org']",
        /// The secret shared with the relay.
        shared_secret: Option<Secret> = None => "'a long random text'",
        /// A file that holds the value of `shared_secret`.
        shared_secret_file: Option<PathBuf> = None => "'/run/secrets/hearth-turn'",
        /// How long a client may use the password it gets, in milliseconds.
        credential_lifetime_ms: u64 = 24 * 60 * 60 * 1_000,
    }
}

impl Turn {
    pub(super) fn check(&self, checks: &mut Checks) {
        for (index, uri) in self.uris.iter().enumerate() {
            let good = ["turn:", "turns:", "stun:", "stuns:"].iter().any(|scheme| uri.starts_with(scheme));
            let text = format!("expected a URI such as `turn:turn.example.org?transport=udp`, found {uri:?}");
            checks.require(good, &format!("turn.uris[{index}]"), text);
        }
        let relay = !self.uris.is_empty();
        checks.require(
            !relay || self.shared_secret.is_some(),
            "turn.uris",
            "needs `turn.shared_secret` or `turn.shared_secret_file`, the same as the relay has",
        );
        checks.warn_if(
            !relay && self.shared_secret.is_some(),
            "turn.shared_secret",
            "not used, because `turn.uris` is empty",
        );
        checks.within("turn.credential_lifetime_ms", self.credential_lifetime_ms, 60_000..=30 * 24 * 60 * 60 * 1_000);
    }
}
