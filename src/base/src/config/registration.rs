//! `[registration]`: who may create an account.

use std::path::PathBuf;

use super::Secret;
use super::check::Checks;
use super::schema::{choice, section};

section! {
    /// Who may create an account.
    pub struct Registration {
        /// `closed`: only administrators create accounts. `token`: users with a registration token do. `open`: anyone
        /// does, which attracts spammers to a public server.
        mode: RegistrationMode = RegistrationMode::Closed,
        /// A secret for programs that create accounts with Synapse's API (`/_synapse/admin/v1/register`). Unset, that
        /// API is disabled.
        shared_secret: Option<Secret> = None => "'a long random text'",
        /// A file that holds the value of `shared_secret`.
        shared_secret_file: Option<PathBuf> = None => "'/run/secrets/hearth-registration'",
        /// Whether guests may use the server without an account.
        guests: bool = false,
        /// The longest localpart that users may choose, in bytes: the user name without `@` and the server's name.
        username_bytes_max: u32 = 64,
        /// User names that users cannot choose. Administrators can still create them.
        reserved_usernames: Vec<String> = Vec::new() => "['admin', 'postmaster']",
    }
}

impl Registration {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.warn_if(
            self.mode == RegistrationMode::Open,
            "registration.mode",
            "with `open`, anyone who reaches this server can create accounts, and spammers do",
        );
        checks.within("registration.username_bytes_max", self.username_bytes_max, 1..=200);
    }
}

choice! {
    /// Who may create an account.
    pub enum RegistrationMode {
        /// Only administrators create accounts.
        Closed = "closed",
        /// Users with a registration token.
        Token = "token",
        /// Anyone.
        Open = "open",
    }
}
