//! Third-party invites by e-mail address or telephone number, after an identity server has resolved the address
//! (server-server API, "Third-party invites"). The room holds a token with the identity server's public key; its
//! signature authorises the invite.
//!
//! This server neither queries identity servers nor creates tokens. It handles the invites of others, and checks
//! signatures by the auth rules alone.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::append::Sender;
use hearth_rooms::membership::{self, check_invitable};
use hearth_rooms::{content, find};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::{state, users};
use ruma::api::federation::thirdparty::exchange_invite;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::events::StateEventType;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId, ServerName};
use serde::Deserialize;
use serde_json::json;

use super::Federation;

/// The object signed by the identity server.
#[derive(Deserialize)]
struct Signed {
    mxid: OwnedUserId,
    token: String,
}

/// A third-party invite that is bound to a user.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The room of the invite.
    pub room_id: OwnedRoomId,
    /// The inviter.
    pub sender: OwnedUserId,
    /// The invited user.
    pub target: OwnedUserId,
    /// The identity server's signed object, as JSON.
    pub signed: String,
}

impl Bound {
    fn signed(&self) -> Result<Signed> {
        let signed: Signed = serde_json::from_str(&self.signed)
            .map_err(|error| Error::bad_json(format!("`signed` cannot be read: {error}")))?;
        if signed.mxid != self.target {
            return Err(Error::invalid("`signed` is about somebody else than the invited user."));
        }
        Ok(signed)
    }

    /// Reads the body of `exchange_third_party_invite`, a partial member event. Only these fields are used.
    pub fn from_event(
        room_id: OwnedRoomId,
        kind: &StateEventType,
        sender: OwnedUserId,
        target: OwnedUserId,
        content: &str,
    ) -> Result<Self> {
        #[derive(Deserialize)]
        struct Content {
            membership: String,
            third_party_invite: Invite,
        }
        #[derive(Deserialize)]
        struct Invite {
            signed: Box<serde_json::value::RawValue>,
        }
        let content: Content = serde_json::from_str(content)
            .map_err(|error| Error::bad_json(format!("This is no third-party invite: {error}")))?;
        if *kind != StateEventType::RoomMember || content.membership != "invite" {
            return Err(Error::invalid("The event is not an invite."));
        }
        Ok(Self { room_id, sender, target, signed: content.third_party_invite.signed.get().to_owned() })
    }
}

impl Federation {
    /// Another server presents the token of a local user's invite for one of its own users: this server invites them
    /// on behalf of the inviter.
    ///
    /// `M_FORBIDDEN` for users of third servers, and for tokens and signatures that the room does not know.
    #[boxed]
    pub async fn exchange_third_party_invite(self: &Arc<Self>, origin: &ServerName, invite: Bound) -> Result<()> {
        if invite.target.server_name() != origin {
            return Err(Error::forbidden(format!("{} is not of {origin}.", invite.target)));
        }
        let (core, of, origin) = (self.core.clone(), invite.room_id.clone(), origin.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| super::room(&core, tx.tx(), &of, &origin).map(drop);
        self.core.store.read("federation_exchange", read).await?;
        self.invite_bound(&invite).await
    }

    /// An identity server reports that a local user owns an invited address (`3pid/onbind`). The endpoint is
    /// unauthenticated, so the report is not trusted: each invite is forwarded to the inviter's server, which checks
    /// it against the room.
    #[boxed]
    pub async fn bound(self: &Arc<Self>, user: OwnedUserId, invites: Vec<Bound>) -> Result<()> {
        if !self.core.is_local(&user) {
            return Err(Error::invalid(format!("{user} is not a user of this server.")));
        }
        if invites.len() > limits::BOUND_INVITES_MAX {
            return Err(Error::invalid(format!("At most {} invites at a time.", limits::BOUND_INVITES_MAX)));
        }
        // One at a time for the whole server, because unauthenticated requests must not make it send requests to
        // others in bulk.
        let Ok(_turn) = self.binding.try_lock() else {
            let message = "Another address is just being bound; try again in a few seconds.";
            return Err(refuse(Reason::LimitExceeded { retry_after_ms: 5_000 }, message));
        };
        for invite in invites.into_iter().filter(|invite| invite.target == user) {
            let done = match self.core.is_local(&invite.sender) {
                true => self.invite_bound(&invite).await,
                false => self.show_to_inviter(&invite).await,
            };
            if let Err(error) = done {
                tracing::info!(room = %invite.room_id, %user, %error, "Failed to turn a third-party invite into an invite.");
            }
        }
        Ok(())
    }

    /// Forwards a signed object to the inviter's server.
    async fn show_to_inviter(&self, invite: &Bound) -> Result<()> {
        invite.signed()?;
        let signed: serde_json::Value = serde_json::from_str(&invite.signed)
            .map_err(|error| Error::bad_json(format!("`signed` cannot be read: {error}")))?;
        let content = json!({"membership": "invite", "third_party_invite": {"display_name": "", "signed": signed}});
        let content = Raw::new(&content).map_err(|error| Error::fault("writing a third-party invite", error))?;
        let (room, sender, target) = (invite.room_id.clone(), invite.sender.clone(), invite.target.clone());
        let request = exchange_invite::v1::Request::new(room, sender, target, content.cast_unchecked());
        self.ask(invite.sender.server_name(), request).await.map(drop)
    }

    /// Invites on behalf of a local user, as the room's token allows.
    async fn invite_bound(self: &Arc<Self>, invite: &Bound) -> Result<()> {
        if !self.core.is_local(&invite.sender) {
            return Err(Error::forbidden(format!("{} is not a user of this server.", invite.sender)));
        }
        let (core, of) = (self.core.clone(), invite.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| write(&core, tx.tx(), &of);
        let (origin, content) = self.core.store.read("federation_third_party", read).await?;
        let (room_id, target) = (invite.room_id.clone(), invite.target.clone());
        if !self.core.is_local(&target) {
            return self.invite_remote_user(origin, room_id, target, content).await.map(drop);
        }
        let core = self.core.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            let mut room = find::joined(tx.tx(), &room_id, origin.sender)?;
            let before = membership::current(&core, tx.tx(), &room, &target)?;
            check_invitable(membership::membership_status(before.as_deref()), &target)?;
            membership::change(&core, tx, &mut room, &origin, &target, content).map(drop)
        };
        self.core.store.write("federation_third_party", write).await
    }
}

/// The new content of the invite, and its sender. The auth rules check the signature when the event is created.
fn write(core: &RoomCore, tx: &mut dyn Tx, invite: &Bound) -> Result<(Sender, CanonicalJsonObject)> {
    let token = invite.signed()?.token;
    let sender = users::find(tx, invite.sender.as_str())?;
    let sender = sender.ok_or_else(|| Error::forbidden(format!("There is no user {}.", invite.sender)))?;
    let room = find::joined(tx, &invite.room_id, sender)?;
    let made = state::current_named(tx, room.sn, "m.room.third_party_invite", &token)?;
    let made = made.ok_or_else(|| Error::forbidden("The room knows no such invite; it may have been taken back."))?;
    // From the room's own event: of the request only the signed object is copied.
    let shown = core.events.get(tx, made)?.pdu.content_str("display_name").unwrap_or_default();
    let signed = content::from_client(&invite.signed)?;
    let mut content = content::from_parts(json!({"membership": "invite"}))?;
    let inner = CanonicalJsonObject::from([
        ("display_name".to_owned(), shown.into()),
        ("signed".to_owned(), CanonicalJsonValue::Object(signed)),
    ]);
    content.insert("third_party_invite".to_owned(), CanonicalJsonValue::Object(inner));
    Ok((Sender::new(sender, &invite.sender), content))
}
