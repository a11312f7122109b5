//! The first account: the server prints a registration token that creates an administrator, even where registration is
//! closed.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::config::RegistrationMode;
use hearth_store::engine::Tx;
use hearth_store::tables::accounts as accounts_table;
use hearth_store::tables::registration_tokens::{self as table, RegistrationTokenRow};

use super::{Accounts, registration_tokens};

/// The ways in which an account can be created now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaysIn {
    /// Without a token.
    pub open: bool,
    /// With a registration token.
    pub token: bool,
}

impl Accounts {
    /// The registration token of the first account, which becomes an administrator; `None` once an account exists. The
    /// token stays the same across restarts until it is used.
    #[boxed]
    pub async fn first_run_token(&self) -> Result<Option<String>> {
        let core = Arc::clone(&self.core);
        let write = self.core.store.write("first_run_token", move |tx| {
            if accounts_table::any_person(tx.tx())? {
                // An account was created in another way, so the token must not create a second administrator.
                table::delete_first_run(tx.tx())?;
                return Ok(None);
            }
            if let Some(row) = table::first_run(tx.tx())? {
                return Ok(Some(row.token));
            }
            let row = RegistrationTokenRow {
                token: registration_tokens::fresh(&core),
                uses_max: Some(1),
                created_ms: core.now_ms(),
                first_run: true,
                ..RegistrationTokenRow::default()
            };
            table::insert(tx.tx(), &row)?;
            Ok(Some(row.token))
        });
        write.await
    }

    /// The ways in which an account can be created now. While the first account is missing, tokens work even where
    /// registration is closed.
    pub(crate) async fn ways_in(&self) -> Result<WaysIn> {
        let mode = self.registration_mode();
        if mode == RegistrationMode::Token {
            return Ok(WaysIn { open: false, token: true });
        }
        let read = self.core.store.read("ways_in", |tx| awaits_first_account(tx.tx()));
        Ok(WaysIn { open: mode == RegistrationMode::Open, token: read.await? })
    }
}

/// Whether the first account is missing, and its token exists.
fn awaits_first_account(tx: &mut dyn Tx) -> Result<bool> {
    Ok(table::first_run(tx)?.is_some() && !accounts_table::any_person(tx)?)
}
