//! Registration tokens (client-server API, "Token-authenticated registration").

use std::sync::Arc;

use hearth_base::boxed;
use hearth_base::config::RegistrationMode;
use hearth_base::limits::users::{TOKEN_CHARS_MAX, TOKEN_NOTE_BYTES_MAX, TOKEN_ROOMS_MAX, TOKEN_USES_SHOWN_MAX};
use hearth_base::{Error, Millis, Result};
use hearth_core::also::Also;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts as accounts_table;
use hearth_store::tables::registration_tokens::{self as table, RegistrationTokenRow, RegistrationTokenUse};
use ruma::{OwnedRoomId, OwnedUserId, UserId};

use super::{Accounts, invite_links, username};

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
    /// Who creates it, as in the audit log.
    pub creator: Option<String>,
    /// The user whom the new user can ask: a user id or a localpart of this server.
    pub contact: Option<String>,
    /// The rooms that the new user joins.
    pub rooms: Vec<OwnedRoomId>,
    /// A note for administrators.
    pub note: Option<String>,
}

/// A token that has created an account.
#[derive(Debug)]
pub struct RedeemedToken {
    token: String,
    /// Whether the account is an administrator: the first one of the server.
    pub(super) makes_admin: bool,
    /// The rooms that the new user joins.
    pub rooms: Vec<OwnedRoomId>,
    /// The user who lets them into these rooms.
    pub contact: Option<OwnedUserId>,
}

impl RedeemedToken {
    /// Notes who used the token. Not for the token of the first start, which is gone after its use.
    pub(super) fn note_user(&self, tx: &mut dyn Tx, user: UserSn, now_ms: Millis) -> Result<()> {
        if self.makes_admin { Ok(()) } else { table::note_use(tx, &self.token, user, now_ms) }
    }
}

/// The rooms of a token.
pub fn rooms_of(row: &RegistrationTokenRow) -> Result<Vec<OwnedRoomId>> {
    let rooms = row.rooms.as_deref().map(serde_json::from_str).transpose();
    Ok(rooms.map_err(|error| Error::fault("reading the rooms of a registration token", error))?.unwrap_or_default())
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
pub(super) fn find_valid(
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
    // The first-run token creates only the first account; once an account exists, it is void.
    let late = row.first_run && accounts_table::any_person(tx)?;
    Ok((has_uses(&row, now_ms) && !late).then_some(row))
}

/// Whether a token is neither used up nor expired.
fn has_uses(row: &RegistrationTokenRow, now_ms: Millis) -> bool {
    let used_up = row.uses_max.is_some_and(|uses_max| row.uses >= uses_max);
    let expired = row.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms);
    !used_up && !expired
}

/// Counts one use of a token. It runs in the transaction that creates the account, so that two concurrent registrations
/// cannot share the last use.
pub(super) fn redeem(tx: &mut dyn Tx, token: &str, when: (RegistrationMode, Millis)) -> Result<RedeemedToken> {
    let row = find_valid(tx, token, when)?.ok_or_else(invalid)?;
    if row.first_run {
        table::delete_first_run(tx)?;
    } else {
        table::count_use(tx, token)?;
    }
    let contact = row.contact.as_deref().and_then(|contact| UserId::parse(contact).ok());
    Ok(RedeemedToken { makes_admin: row.first_run, rooms: rooms_of(&row)?, contact, token: row.token })
}

fn check_limits(new: &NewRegistrationToken, now_ms: Millis) -> Result<()> {
    if new.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
        return Err(Error::invalid("The registration token would expire in the past."));
    }
    if new.uses_max == Some(0) {
        return Err(Error::invalid("The registration token would allow no account: give it one use or more."));
    }
    if new.rooms.len() > TOKEN_ROOMS_MAX {
        return Err(Error::invalid(format!("A registration token can name {TOKEN_ROOMS_MAX} rooms at most.")));
    }
    if new.note.as_ref().is_some_and(|note| note.len() > TOKEN_NOTE_BYTES_MAX) {
        return Err(Error::invalid(format!("The note can have {TOKEN_NOTE_BYTES_MAX} bytes at most.")));
    }
    Ok(())
}

fn invalid() -> Error {
    Error::forbidden("This registration token is not valid, or has been used up: ask for another one.")
}

impl Accounts {
    /// Whether a token can create an account now.
    #[boxed]
    pub async fn registration_token_valid(&self, token: &str) -> Result<bool> {
        let (token, when) = (token.to_owned(), (self.registration_mode(), self.core.now_ms()));
        let read = self.core.store.read("registration_token_valid", move |tx| find_valid(tx.tx(), &token, when));
        Ok(read.await?.is_some())
    }

    /// Why the configuration keeps `token` from being used, and which setting changes that; `None` when nothing does.
    /// For the administrator.
    #[must_use]
    pub fn registration_token_notice(&self, token: &RegistrationTokenRow) -> Option<&'static str> {
        match self.registration_mode() {
            RegistrationMode::Closed if !token.first_run => Some(
                "No account can be made with this token: registration is closed. `hearth ctl tokens allow` changes \
                 that until the server stops; `registration.mode` = \"token\" in the configuration changes it for good.",
            ),
            RegistrationMode::Open => Some(
                "Registration is open: clients ask for no token. `registration.mode` = \"token\" in the configuration requires \
                 one; `systemctl reload hearth` (SIGHUP) applies it.",
            ),
            RegistrationMode::Closed | RegistrationMode::Token => None,
        }
    }

    /// Whether a token that was read just now creates an account.
    #[must_use]
    pub fn registration_token_works(&self, token: &RegistrationTokenRow) -> bool {
        let is_closed = self.registration_mode() == RegistrationMode::Closed && !token.first_run;
        !is_closed && has_uses(token, self.core.now_ms())
    }

    /// All registration tokens, oldest first.
    #[boxed]
    pub async fn registration_tokens(&self) -> Result<Vec<RegistrationTokenRow>> {
        self.core.store.read("registration_tokens", |tx| table::all(tx.tx())).await
    }

    /// Reads one registration token, and the newest accounts that it created.
    #[boxed]
    pub async fn registration_token(
        &self,
        token: &str,
    ) -> Result<Option<(RegistrationTokenRow, Vec<RegistrationTokenUse>)>> {
        let token = token.to_owned();
        let read = self.core.store.read("registration_token", move |tx| {
            let Some(row) = table::get(tx.tx(), &token)? else { return Ok(None) };
            let uses = table::uses(tx.tx(), &token, TOKEN_USES_SHOWN_MAX)?;
            Ok(Some((row, uses)))
        });
        read.await
    }

    /// Creates a registration token; `also` runs in the same transaction and gets the token.
    ///
    /// Refuses a token that exists or is malformed, a contact without an account, and rooms that the new user could not
    /// join: private ones into which the contact cannot invite.
    pub async fn make_registration_token(
        &self,
        new: NewRegistrationToken,
        also: impl FnOnce(&mut WriteTx<'_>, &str) -> Result<()> + Send + 'static,
    ) -> Result<RegistrationTokenRow> {
        let now_ms = self.core.now_ms();
        check_limits(&new, now_ms)?;
        let token = new.token.unwrap_or_else(|| fresh(&self.core));
        if !is_wellformed(&token) {
            let message = "A registration token has 1 to 64 characters: letters, digits, and any of . _ ~ -";
            return Err(Error::invalid(message));
        }
        let contact = new.contact.map(|contact| self.contact_id(&contact)).transpose()?;
        let rooms = (!new.rooms.is_empty()).then(|| serde_json::to_string(&new.rooms)).transpose();
        let row = RegistrationTokenRow {
            token,
            uses_max: new.uses_max,
            expires_ms: new.expires_ms,
            created_ms: now_ms,
            creator: new.creator,
            contact: contact.as_ref().map(ToString::to_string),
            rooms: rooms.map_err(|error| Error::fault("writing the rooms of a registration token", error))?,
            note: new.note.filter(|note| !note.is_empty()),
            ..RegistrationTokenRow::default()
        };
        let (made, core) = (row.clone(), Arc::clone(&self.core));
        let write = self.core.store.write("registration_token_make", move |tx| {
            invite_links::check_contact(tx.tx(), contact.as_deref())?;
            for room_id in &new.rooms {
                invite_links::check_room(&core, tx.tx(), room_id, contact.as_deref())?;
            }
            if !table::insert(tx.tx(), &row)? {
                return Err(Error::invalid("There is such a registration token already."));
            }
            also(tx, &row.token)
        });
        write.await.map(|()| made)
    }

    /// The user id of a contact, given in any form that people write.
    fn contact_id(&self, contact: &str) -> Result<OwnedUserId> {
        let localpart = self.localpart_of(contact);
        let localpart = localpart.ok_or_else(|| Error::invalid("The contact must be a user of this server."))?;
        username::parse(&localpart, &self.core.server_name)
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
