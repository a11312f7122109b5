//! Registration tokens (client-server API, "Token-authenticated registration").

use hearth_base::boxed;
use hearth_base::config::RegistrationMode;
use hearth_base::limits::users::TOKEN_CHARS_MAX;
use hearth_base::{Error, Millis, Result};
use hearth_core::also::Also;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::accounts as accounts_table;
use hearth_store::tables::registration_tokens::{self as table, RegistrationTokenRow};

use super::Accounts;

/// Characters of a generated token: few enough to type from paper, too many to guess.
const TOKEN_CHARS: usize = 16;

/// A registration token to create.
#[derive(Debug, Clone, Default)]
pub struct NewRegistrationToken {
    /// The token; `None` to let the server choose one.
    pub token: Option<String>,
    /// How many accounts it can create; `None` for no limit.
    pub uses_max: Option<u64>,
    /// When it expires.
    pub expires_ms: Option<Millis>,
}

/// The result of redeeming a token.
pub(super) struct Redeemed {
    pub(super) makes_admin: bool,
}

/// Generates a token without letters and digits that look alike.
pub(super) fn fresh(core: &hearth_rooms::RoomCore) -> String {
    core.seams.random.string(TOKEN_CHARS, b"abcdefghjkmnpqrstuvwxyz23456789")
}

fn is_wellformed(token: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    (1..=TOKEN_CHARS_MAX).contains(&token.len()) && token.chars().all(good)
}

/// A token that can create an account now. While registration is closed, only that of the first account can.
fn find_valid(
    tx: &mut dyn Tx,
    token: &str,
    (mode, now_ms): (RegistrationMode, Millis),
) -> Result<Option<RegistrationTokenRow>> {
    if !is_wellformed(token) {
        return Ok(None);
    }
    let Some(row) = table::get(tx, token)? else { return Ok(None) };
    if mode == RegistrationMode::Closed && !row.first_run {
        return Ok(None);
    }
    let used_up = row.uses_max.is_some_and(|uses_max| row.uses >= uses_max);
    let expired = row.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms);
    // The first-run token creates only the first account; once an account exists, it is void.
    let late = row.first_run && accounts_table::any_person(tx)?;
    Ok((!used_up && !expired && !late).then_some(row))
}

/// Counts one use of a token. It runs in the transaction that creates the account, so that two concurrent registrations
/// cannot share the last use.
pub(super) fn redeem(tx: &mut dyn Tx, token: &str, when: (RegistrationMode, Millis)) -> Result<Redeemed> {
    let row = find_valid(tx, token, when)?.ok_or_else(invalid)?;
    if row.first_run {
        table::delete_first_run(tx)?;
    } else {
        table::count_use(tx, token)?;
    }
    Ok(Redeemed { makes_admin: row.first_run })
}

fn invalid() -> Error {
    Error::forbidden("This registration token is not valid, or has been used up: ask for another one.")
}

impl Accounts {
    /// Whether a token can create an account now.
    #[boxed]
    pub async fn registration_token_valid(&self, token: &str) -> Result<bool> {
        let (token, when) = (token.to_owned(), (self.core.config.registration.mode, self.core.now_ms()));
        let read = self.core.store.read("registration_token_valid", move |tx| find_valid(tx.tx(), &token, when));
        Ok(read.await?.is_some())
    }

    /// Why the configuration keeps `token` from being used, and which setting changes that; `None` when nothing does.
    /// For the administrator.
    #[must_use]
    pub fn registration_token_notice(&self, token: &RegistrationTokenRow) -> Option<&'static str> {
        match self.core.config.registration.mode {
            RegistrationMode::Closed if !token.first_run => Some(
                "No account can be made with this token: registration is closed. Set `registration.mode` to \"token\" and \
                 restart the server.",
            ),
            RegistrationMode::Open => Some(
                "Registration is open: clients ask for no token. To require one, set `registration.mode` to \"token\" and \
                 restart the server.",
            ),
            RegistrationMode::Closed | RegistrationMode::Token => None,
        }
    }

    /// All registration tokens, oldest first.
    #[boxed]
    pub async fn registration_tokens(&self) -> Result<Vec<RegistrationTokenRow>> {
        self.core.store.read("registration_tokens", |tx| table::all(tx.tx())).await
    }

    /// Reads one registration token.
    #[boxed]
    pub async fn registration_token(&self, token: &str) -> Result<Option<RegistrationTokenRow>> {
        let token = token.to_owned();
        self.core.store.read("registration_token", move |tx| table::get(tx.tx(), &token)).await
    }

    /// Creates a registration token; `also` runs in the same transaction and gets the token. Refuses a token that
    /// exists or is malformed.
    pub async fn make_registration_token(
        &self,
        new: NewRegistrationToken,
        also: impl FnOnce(&mut WriteTx<'_>, &str) -> Result<()> + Send + 'static,
    ) -> Result<RegistrationTokenRow> {
        let now_ms = self.core.now_ms();
        let token = new.token.unwrap_or_else(|| fresh(&self.core));
        if !is_wellformed(&token) {
            let message = "A registration token has 1 to 64 characters: letters, digits, and any of . _ ~ -";
            return Err(Error::invalid(message));
        }
        if new.uses_max == Some(0) {
            return Err(Error::invalid("The registration token would allow no account: give it one use or more."));
        }
        if new.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            return Err(Error::invalid("The registration token would expire in the past."));
        }
        let row = RegistrationTokenRow {
            token,
            uses_max: new.uses_max,
            uses: 0,
            expires_ms: new.expires_ms,
            created_ms: now_ms,
            first_run: false,
        };
        let made = row.clone();
        let write = self.core.store.write("registration_token_make", move |tx| {
            if !table::insert(tx.tx(), &row)? {
                return Err(Error::invalid("There is such a registration token already."));
            }
            also(tx, &row.token)
        });
        write.await.map(|()| made)
    }

    /// Deletes a token; `also` runs in the same transaction. `M_NOT_FOUND` if it does not exist.
    #[boxed]
    pub async fn delete_registration_token(&self, token: &str, also: Also) -> Result<()> {
        let token = token.to_owned();
        let write = self.core.store.write("registration_token_delete", move |tx| {
            if !table::delete(tx.tx(), &token)? {
                return Err(Error::not_found("There is no such registration token."));
            }
            also(tx)
        });
        write.await
    }
}
