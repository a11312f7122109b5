//! Refresh tokens (client-server API, "Refreshing access tokens").
//!
//! The old pair keeps working until one of the new tokens is used: if the response is lost, the client retries with the
//! old refresh token.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Millis, Reason, Result, error::refuse};
use hearth_store::WriteTx;
use hearth_store::tables::accounts as table;
use hearth_store::tables::tokens::{self as token_table, RefreshRow};

use super::tokens::{self, Issued};
use super::{Accounts, sessions::Sessions};

fn unknown() -> Error {
    let message = "This refresh token is not valid (any more): log in again.";
    refuse(Reason::UnknownToken { soft_logout: false }, message)
}

fn check(row: &RefreshRow, now_ms: Millis) -> Result<()> {
    if row.flags & table::LOCKED != 0 {
        return Err(refuse(Reason::UserLocked, "This account has been locked. Ask the server's administrator."));
    }
    if row.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
        let message = "This refresh token has expired: log in again.";
        return Err(refuse(Reason::UnknownToken { soft_logout: true }, message));
    }
    Ok(())
}

/// Ends what the new pair makes obsolete: the pair before this one, since this one is in use now; and pairs that were
/// issued for this one earlier and never used.
fn tidy(sessions: &Arc<Sessions>, tx: &mut WriteTx<'_>, row: &RefreshRow) -> Result<()> {
    let mut gone = Vec::new();
    if let Some(parent) = &row.parent {
        gone.extend(token_table::refresh_delete(tx.tx(), row.device, parent)?);
        token_table::refresh_confirm(tx.tx(), &row.hash)?;
    }
    for child in token_table::refresh_children(tx.tx(), row.device, &row.hash)? {
        gone.extend(token_table::refresh_delete(tx.tx(), row.device, &child)?);
    }
    sessions.forget_after(tx, gone);
    Ok(())
}

impl Accounts {
    /// Exchanges a refresh token for new tokens. Refuses with `M_UNKNOWN_TOKEN`.
    #[boxed]
    pub async fn refresh(&self, refresh_token: &str) -> Result<Issued> {
        let hash = tokens::hash(refresh_token).ok_or_else(unknown)?;
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = self.core.store.write("refresh", move |tx| {
            let row = token_table::refresh(tx.tx(), &hash)?.ok_or_else(unknown)?;
            check(&row, core.now_ms())?;
            tidy(&sessions, tx, &row)?;
            tokens::issue_pair(&core, tx.tx(), row.device, Some(&hash))
        });
        write.await
    }
}
