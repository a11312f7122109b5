//! Password checks with rate limits.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::rates::{Rate, RateSubject};
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self as table, AccountRow};

use super::Accounts;
use super::passwords::PasswordCheck;

/// The error for a wrong user name or password. It is the same for both, so that it does not reveal which names exist.
pub(super) fn wrong() -> Error {
    Error::forbidden("The user name or the password is wrong.")
}

impl Accounts {
    /// Returns the account if the password is correct. Refuses with `M_FORBIDDEN` otherwise, and takes the same time
    /// for an unknown name; with `M_LIMIT_EXCEEDED` after too many wrong passwords; with `M_USER_DEACTIVATED` for
    /// deactivated accounts.
    pub(crate) async fn check_password(&self, localpart: &str, password: &str) -> Result<AccountRow> {
        let whose = RateSubject::name(localpart);
        self.rates.peek(Rate::Login, whose)?;
        let name = localpart.to_owned();
        let row = self.core.store.read("password_check", move |tx| table::by_name(tx.tx(), &name)).await?;
        let hash = row.as_ref().and_then(|row| row.password.clone());
        // Verify even without an account: the response time must not reveal whether the name exists.
        let verdict = self.hasher.verify(password.to_owned(), hash).await?;
        // Check the limit again: concurrent attempts all passed the first check, before any of them was counted.
        self.rates.peek(Rate::Login, whose)?;
        match row {
            Some(row) if row.deactivated_ms.is_some() => {
                Err(refuse(Reason::UserDeactivated, "This account has been deactivated."))
            }
            Some(mut row) if verdict != PasswordCheck::Wrong => {
                if verdict == PasswordCheck::RightButOld {
                    self.rehash(&mut row, password).await?;
                }
                Ok(row)
            }
            _ => {
                // Count only wrong passwords here: bots log in often, and the limit by client address covers them.
                self.rates.take(Rate::Login, whose)?;
                Err(wrong())
            }
        }
    }

    /// As [`Accounts::check_password`], for a user whose account is known.
    pub(crate) async fn check_password_of(&self, user: UserSn, password: &str) -> Result<()> {
        let row = self.core.store.read("password_check", move |tx| table::get(tx.tx(), user)).await?;
        let row = row.ok_or_else(wrong)?;
        self.check_password(&row.localpart, password).await.map(drop)
    }

    /// Whether a user has a password. Accounts of application services have none.
    pub async fn has_password(&self, user: UserSn) -> Result<bool> {
        let row = self.core.store.read("password_has", move |tx| table::get(tx.tx(), user)).await?;
        Ok(row.is_some_and(|row| row.password.is_some()))
    }

    async fn rehash(&self, row: &mut AccountRow, password: &str) -> Result<()> {
        let Some(before) = row.password.take() else { return Ok(()) };
        let (user, after) = (row.user, self.hasher.hash(password.to_owned()).await?);
        row.password = Some(after.clone());
        self.core.store.write("password_rehash", move |tx| table::rehash(tx.tx(), user, &before, &after)).await
    }
}
