//! Invite links: what the web page at `/join/TOKEN` tells about a registration token, and the rooms that a token may
//! name. The page is for people who have no account yet, so it tells no more than the invitation needs.

use std::sync::Arc;

use hearth_base::boxed;
use hearth_base::config::RegistrationMode;
use hearth_base::{Error, Result};
use hearth_core::also::Also;
use hearth_rooms::directory::card;
use hearth_rooms::{RoomCore, find, power};
use hearth_store::engine::Tx;
use hearth_store::tables::accounts::{self as accounts_table, AccountRow};
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::registration_tokens::RegistrationTokenRow;
use hearth_store::tables::{profiles, users};
use ruma::room::JoinRuleKind;
use ruma::{OwnedUserId, RoomId, UserId};

use super::{Accounts, registration_tokens, rooms_of};

/// The answer for a token.
#[derive(Debug)]
pub enum InviteLinkStatus {
    /// It creates an account now.
    Valid(InviteLink),
    /// It is unknown, expired or used up; which of these is not told to strangers.
    Invalid,
    /// Registration is closed, for this token and all others.
    Closed,
}

/// What an invite link tells.
#[derive(Debug)]
pub struct InviteLink {
    /// The user who invites.
    pub contact: Option<InviteContact>,
    /// The names of the rooms that the new user joins; without those that have none.
    pub rooms: Vec<String>,
    /// Whether the account administers the server.
    pub makes_admin: bool,
}

/// The user whom a new user can ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteContact {
    /// The user id.
    pub user_id: OwnedUserId,
    /// The display name, or the localpart.
    pub name: String,
}

impl Accounts {
    /// Reads what the page of an invite link tells.
    #[boxed]
    pub async fn invite_link(&self, token: &str) -> Result<InviteLinkStatus> {
        let (core, token, mode) = (Arc::clone(&self.core), token.to_owned(), self.registration_mode());
        let when = (mode, self.core.now_ms());
        let read = self.core.store.read("invite_link", move |tx| {
            match registration_tokens::find_valid(tx.tx(), &token, when)? {
                Some(row) => Ok(InviteLinkStatus::Valid(told(&core, tx.tx(), &row)?)),
                None if mode == RegistrationMode::Closed => Ok(InviteLinkStatus::Closed),
                None => Ok(InviteLinkStatus::Invalid),
            }
        });
        read.await
    }

    /// The link of a token, for people.
    #[must_use]
    pub fn join_url(&self, token: &str) -> String {
        format!("{}/join/{token}", self.core.config.public_baseurl())
    }

    /// The fewest characters of a password.
    #[must_use]
    pub fn password_chars_min(&self) -> u32 {
        let config = &self.core.config.passwords;
        config.initial_chars_min.unwrap_or(config.chars_min)
    }

    /// Who may register now.
    #[must_use]
    pub fn registration_mode(&self) -> RegistrationMode {
        *self.mode.lock()
    }

    /// Changes who may register, until the server stops: the configuration decides at the next start. `also` runs in a
    /// transaction before the change.
    #[boxed]
    pub async fn set_registration_mode(&self, mode: RegistrationMode, also: Also) -> Result<()> {
        self.core.store.write("registration_mode_set", also).await?;
        *self.mode.lock() = mode;
        Ok(())
    }
}

fn told(core: &RoomCore, tx: &mut dyn Tx, row: &RegistrationTokenRow) -> Result<InviteLink> {
    let mut names = Vec::new();
    for room_id in rooms_of(row)? {
        if let Some(room) = find::known(tx, &room_id)?
            && let Some(name) = card(core, tx, &room)?.name
        {
            names.push(name);
        }
    }
    let contact = row.contact.as_deref().and_then(|contact| UserId::parse(contact).ok());
    let contact = match contact {
        Some(user_id) => named(tx, user_id)?,
        None => None,
    };
    Ok(InviteLink { contact, rooms: names, makes_admin: row.first_run })
}

/// A contact with their name; `None` when they have no account any more.
fn named(tx: &mut dyn Tx, user_id: OwnedUserId) -> Result<Option<InviteContact>> {
    let Some(account) = usable(tx, &user_id)? else { return Ok(None) };
    let name = profiles::get(tx, account.user)?.displayname.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| user_id.localpart().to_owned());
    Ok(Some(InviteContact { user_id, name }))
}

/// The account of a local user who can be asked: neither deactivated nor locked.
fn usable(tx: &mut dyn Tx, user_id: &UserId) -> Result<Option<AccountRow>> {
    let Some(user) = users::find(tx, user_id.as_str())? else { return Ok(None) };
    let account = accounts_table::get(tx, user)?;
    Ok(account.filter(|account| account.deactivated_ms.is_none() && !account.is(accounts_table::LOCKED)))
}

/// Refuses a contact who has no account here.
pub(super) fn check_contact(tx: &mut dyn Tx, contact: Option<&UserId>) -> Result<()> {
    let Some(contact) = contact else { return Ok(()) };
    match usable(tx, contact)? {
        Some(_) => Ok(()),
        None => Err(Error::not_found(format!("The contact {contact} has no account on this server, or a closed one."))),
    }
}

/// Refuses a room that a new user could not join: one that this server is not in, or a private one into which the
/// contact cannot invite. The new user gets no other rights than these: a token opens no room by itself.
pub(super) fn check_room(core: &RoomCore, tx: &mut dyn Tx, room_id: &RoomId, contact: Option<&UserId>) -> Result<()> {
    let room = find::resolve(tx, room_id)?;
    if !find::is_resident(tx, &room)? {
        return Err(Error::not_found(format!("This server is not in {room_id}: join it with an account first.")));
    }
    if card(core, tx, &room)?.join_rule == JoinRuleKind::Public {
        return Ok(());
    }
    let Some(contact) = contact else {
        let message = format!("{room_id} is not public: name a contact who is in the room and may invite.");
        return Err(Error::invalid(message));
    };
    let user = users::find(tx, contact.as_str())?;
    let is_member = match user {
        Some(user) => find::membership_status(tx, &room, user)? == Some(Membership::Join),
        None => false,
    };
    if is_member && power::levels(core, tx, &room)?.user_can_invite(contact) {
        return Ok(());
    }
    Err(Error::forbidden(format!("{room_id} is not public, and {contact} cannot invite into it.")))
}
