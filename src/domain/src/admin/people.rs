//! Account creation and password reset by an administrator.

use hearth_base::{Error, Result};
use hearth_core::also::Also;
use hearth_users::accounts::{Authority, NewAccount};
use ruma::{OwnedUserId, UserId};

use super::Admin;

/// Characters of a generated password.
const PASSWORD_CHARS: usize = 20;

/// An account to create.
#[derive(Debug)]
pub struct UserToCreate {
    /// The localpart.
    pub name: String,
    /// The password; `None` to generate one.
    pub password: Option<String>,
    /// Whether the account is an administrator.
    pub admin: bool,
    /// The display name; `None` for the user name.
    pub display_name: Option<String>,
}

impl Admin {
    /// Creates an account. Returns the password if the server generated it: it cannot be read again. `also` runs in the
    /// same transaction.
    pub(crate) async fn create_user(
        &self,
        user_id: OwnedUserId,
        new: UserToCreate,
        also: Also,
    ) -> Result<(OwnedUserId, Option<String>)> {
        let UserToCreate { password, admin, display_name, .. } = new;
        if *user_id.server_name() != *self.core.server_name {
            return Err(Error::invalid(format!(
                "{user_id} is not of this server: give only the part before the colon."
            )));
        }
        let (password, made) = self.password_or_new(password);
        let new = NewAccount {
            localpart: Some(user_id.localpart().to_owned()),
            password: Some(password),
            displayname: display_name,
            admin,
            authority: Authority::Admin,
        };
        self.accounts.register_also(new, None, also).await?;
        Ok((user_id, made))
    }

    /// Sets an account's password. Returns the password if the server generated it. `also` runs in the same
    /// transaction.
    pub(crate) async fn reset_password(
        &self,
        user_id: &UserId,
        password: Option<String>,
        log_out: bool,
        also: Also,
    ) -> Result<Option<String>> {
        let user = self.accounts.account(user_id).await?.user;
        let (password, made) = self.password_or_new(password);
        self.accounts.set_password(user, password, log_out, None, also).await?;
        Ok(made)
    }

    /// The password to set, and the same again if it was generated and must be shown.
    fn password_or_new(&self, password: Option<String>) -> (String, Option<String>) {
        match password {
            Some(password) => (password, None),
            None => {
                // Omit letters and digits that look alike: people copy the password from a screen.
                let alphabet = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
                let made = self.core.seams.random.string(PASSWORD_CHARS, alphabet);
                (made.clone(), Some(made))
            }
        }
    }
}
