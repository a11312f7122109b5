//! `[user_directory]`: whom people find when they search for others.

use super::schema::{choice, section};
use super::{Registration, RegistrationMode};

section! {
    /// Whom people find when they search for others. Always: those with whom they share a room, and those in rooms that
    /// anyone may join or read.
    pub struct UserDirectory {
        /// Whether all people of this server find each other as well. `auto`: while registration is closed or takes a
        /// token, so that the people here know each other. `always`, `never`: no matter who may register.
        all_local_users: AllLocalUsers = AllLocalUsers::Auto,
    }
}

impl UserDirectory {
    /// Whether all people of this server find each other.
    #[must_use]
    pub fn finds_all(&self, registration: &Registration) -> bool {
        match self.all_local_users {
            AllLocalUsers::Auto => registration.mode != RegistrationMode::Open,
            AllLocalUsers::Always => true,
            AllLocalUsers::Never => false,
        }
    }
}

choice! {
    /// Whether all people of this server find each other.
    pub enum AllLocalUsers {
        /// While not everyone may register.
        Auto = "auto",
        /// Always.
        Always = "always",
        /// Never.
        Never = "never",
    }
}
