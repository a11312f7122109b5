//! Authentication of requests by access token.

use hearth_base::boxed;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_store::tables::accounts as table;
use hearth_store::tables::tokens::{self, SessionRow, TokenHash};
use ruma::UserId;

use super::sessions::Session;
use super::{Accounts, tokens::hash};
use crate::devices::RequestSource;

impl Accounts {
    /// Authenticates an access token. Refuses with `M_UNKNOWN_TOKEN`, with `soft_logout` when the token has only
    /// expired.
    ///
    /// Does not refuse locked and suspended users: the caller knows what they may still do.
    #[boxed]
    pub async fn authenticate(&self, token: &str, whence: RequestSource<'_>) -> Result<Requester> {
        let Some(hash) = hash(token) else { return Err(unknown()) };
        let session = match self.sessions.get(&hash) {
            Some(session) => session,
            None => self.read_session(hash).await?,
        };
        let now_ms = self.core.now_ms();
        if session.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            let message = "This access token has expired: refresh it, or log in again.";
            return Err(refuse(Reason::UnknownToken { soft_logout: true }, message));
        }
        self.devices.seen.note(session.requester.device, &session.noted_ms, now_ms, whence);
        Ok(session.requester.clone())
    }

    async fn read_session(&self, hash: TokenHash) -> Result<Arc<Session>> {
        // Read the number before the row, so that `keep` notices a session that ends in between.
        let endings = self.sessions.endings();
        let row = self.core.store.read("authenticate", move |tx| tokens::session(tx.tx(), &hash)).await?;
        let Some(mut row) = row else { return Err(unknown()) };
        let mut endings = endings;
        if let Some(refresh) = row.unconfirmed.take() {
            self.confirm(refresh).await?;
            // The confirmation itself ends sessions, so count from after it.
            endings = self.sessions.endings();
            // The confirmation ran in its own transaction, so read again: the session may have ended before it.
            let again = self.core.store.read("authenticate", move |tx| tokens::session(tx.tx(), &hash)).await?;
            row = again.ok_or_else(unknown)?;
        }
        let session = Arc::new(session(row)?);
        self.sessions.keep(hash, Arc::clone(&session), endings);
        Ok(session)
    }

    /// Ends the previous token pair when the new access token is first used (client-server API, "Refreshing access
    /// tokens").
    async fn confirm(&self, refresh: TokenHash) -> Result<()> {
        let sessions = Arc::clone(&self.sessions);
        let write = self.core.store.write("refresh_token_confirm", move |tx| {
            let Some(row) = tokens::refresh(tx.tx(), &refresh)? else { return Ok(()) };
            let Some(parent) = row.parent else { return Ok(()) };
            let gone = tokens::refresh_delete(tx.tx(), row.device, &parent)?;
            tokens::refresh_confirm(tx.tx(), &refresh)?;
            sessions.forget_after(tx, gone);
            Ok(())
        });
        write.await
    }
}

fn session(row: SessionRow) -> Result<Session> {
    let user_id =
        UserId::parse(row.user_id.as_str()).map_err(|error| Error::fault("reading a stored user id", error))?;
    let requester = Requester {
        user: row.user,
        user_id,
        device: row.device,
        device_id: row.device_id.into(),
        admin: row.flags & table::ADMIN != 0,
        guest: row.guest,
        locked: row.flags & table::LOCKED != 0,
        suspended: row.flags & table::SUSPENDED != 0,
        appservice: None,
    };
    Ok(Session { requester, expires_ms: row.expires_ms, noted_ms: AtomicU64::new(0) })
}

fn unknown() -> Error {
    let message = "This access token is not valid (any more): log in again.";
    refuse(Reason::UnknownToken { soft_logout: false }, message)
}
