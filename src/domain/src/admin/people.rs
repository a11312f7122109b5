//! What an operator does to accounts that takes more than one step of `accounts`.

use hearth_base::{Error, Result};
use ruma::{OwnedUserId, UserId};

use super::Admin;
use crate::accounts::{Authority, NewAccount};
use crate::also::Also;

/// Characters of a password that nobody chose.
const PASSWORD_CHARS: usize = 20;

/// An account that an administrator wants made.
#[derive(Debug)]
pub struct UserToCreate {
    /// What stands between `@` and `:`.
    pub name: String,
    /// The password; none to have one made.
    pub password: Option<String>,
    /// Whether it may administer the server.
    pub admin: bool,
    /// The name to show; none for the user name.
    pub display_name: Option<String>,
}

impl Admin {
    /// Makes an account, with a password of our own where none is given; that one is returned, and cannot be had again. `also` is in
    /// the same transaction.
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

    /// Sets an account's password, to one of our own where none is given; that one is returned. `also` is in the same transaction.
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

    /// The password to set, and the same again if it is new to whoever asked.
    fn password_or_new(&self, password: Option<String>) -> (String, Option<String>) {
        match password {
            Some(password) => (password, None),
            None => {
                // Without letters and digits that look alike: people copy it from a screen.
                let alphabet = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
                let made = self.core.seams.random.string(PASSWORD_CHARS, alphabet);
                (made.clone(), Some(made))
            }
        }
    }
}
