//! `[registration]`: who may make an account.

use std::path::PathBuf;

use super::Secret;
use super::check::Checks;
use super::schema::{choice, section};

section! {
    /// Who may make an account.
    pub struct Registration {
        /// `closed`: only the administrator makes accounts. `token`: whoever has a registration token. `open`: anyone,
        /// which draws spammers to a server that can be reached from the internet.
        mode: RegistrationMode = RegistrationMode::Closed,
        /// A secret with which programs make accounts, in the form that Synapse invented
        /// (`/_synapse/admin/v1/register`). Unset, that is not possible.
        shared_secret: Option<Secret> = None => "'a long random text'",
        /// A file that holds the value of `shared_secret`.
        shared_secret_file: Option<PathBuf> = None => "'/run/secrets/hearth-registration'",
        /// Whether people may look around without an account.
        guests: bool = false,
        /// The longest user name that someone may choose, in bytes, without `@` and the server's name.
        username_bytes_max: u32 = 64,
        /// User names that nobody may choose; the administrator can still give them away.
        reserved_usernames: Vec<String> = Vec::new() => "['admin', 'postmaster']",
    }
}

impl Registration {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.warn_if(
            self.mode == RegistrationMode::Open,
            "registration.mode",
            "with `open`, anyone who reaches this server can make accounts, and spammers do",
        );
        checks.within("registration.username_bytes_max", self.username_bytes_max, 1..=200);
    }
}

choice! {
    /// Who may make an account.
    pub enum RegistrationMode {
        /// Only the administrator makes accounts.
        Closed = "closed",
        /// Whoever has a registration token.
        Token = "token",
        /// Anyone.
        Open = "open",
    }
}
