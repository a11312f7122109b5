//! Issues SFU tokens, to members of the room only. The request is authenticated by an access token, by an OpenID
//! token, or by the signature of the user's server.

use hearth_base::boxed;
use hearth_base::limits::domain::CALL_TOKEN_ASK_WAIT;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_federation::request::whole;
use hearth_rooms::RoomCore;
use hearth_rooms::{find, servers};
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{accounts, rooms, users};
use ruma::api::federation::openid::get_openid_userinfo;
use ruma::api::federation::rtc::livekit::get_token::msc4195 as get_token;
use ruma::{OwnedUserId, RoomId, ServerName, UserId};
use serde::Deserialize;

use super::issued::IssuedSeat;
use super::token::{Grants, TokenClaims};
use super::{CallMember, Rtc, names, nothing_here};

/// A request for a token.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The room.
    pub room: &'a RoomId,
    /// The slot in the room.
    pub slot: &'a str,
    /// The call member.
    pub member: CallMember<'a>,
}

/// An OpenID token as proof of a user's identity.
#[derive(Debug, Clone, Copy)]
pub struct OpenIdProof<'a> {
    /// The token.
    pub token: &'a str,
    /// The homeserver that issued it and can verify it.
    pub server: &'a ServerName,
}

/// What a token allows besides subscribing, and whether the server creates the room.
#[derive(Debug, Clone, Copy)]
struct TokenGrants {
    publish: bool,
    create: bool,
}

impl Rtc {
    /// Issues a token for a local user and this server's SFU (MSC4195, `get_token`).
    ///
    /// Refuses with `M_FORBIDDEN` a user who is not in the room, with `M_INVALID_PARAM` a `url` of another SFU, with
    /// `M_CONNECTION_FAILED` when the SFU does not work.
    #[boxed]
    pub async fn give(&self, who: &Requester, url: &str, wish: TokenRequest<'_>) -> Result<String> {
        if !self.is_there() {
            return Err(nothing_here());
        }
        self.check_may_join_call(&who.user_id, wish).await?;
        self.check_url(url)?;
        self.ticket(&who.user_id, wish, TokenGrants { publish: true, create: true }).await
    }

    /// Requests a token for a local user and another server's SFU from that server.
    ///
    /// Refuses with `M_FORBIDDEN` when the user or that server is not in the room; with `M_FORBIDDEN` and
    /// `M_INVALID_PARAM` if that server does; with `M_CONNECTION_FAILED` for any other failure.
    #[boxed]
    pub async fn issue_to_remote(
        &self,
        who: &Requester,
        server: &ServerName,
        url: &str,
        wish: TokenRequest<'_>,
    ) -> Result<String> {
        let CallMember::Id(member) = wish.member else { return Err(Error::invalid("Say `member_id`.")) };
        self.check_may_join_call(&who.user_id, wish).await?;
        if !self.has_server(wish.room, server).await? {
            return Err(Error::forbidden(format!("{server} is not in that room.")));
        }
        let request = get_token::Request::new(
            who.user_id.clone(),
            url.to_owned(),
            wish.room.to_owned(),
            wish.slot.to_owned(),
            member.to_owned(),
        );
        let answer = self.federation.ask_streamed(server, request, CALL_TOKEN_ASK_WAIT).await?;
        let status = answer.status;
        let body = tokio::time::timeout(CALL_TOKEN_ASK_WAIT, whole(answer, limits::FEDERATION_ANSWER_BYTES_MAX)).await;
        let Answered { jwt, errcode } =
            body.ok().and_then(Result::ok).map_or_else(Answered::default, |body| read(&body));
        match (status, jwt, errcode.as_str()) {
            (200, Some(jwt), _) if jwt.len() <= limits::RTC_TOKEN_BYTES_MAX => Ok(jwt),
            (403, ..) => Err(Error::forbidden(format!("{server} does not let you into this call."))),
            (400, _, "M_INVALID_PARAM") => Err(Error::invalid(format!("{server} has no SFU at that `url`."))),
            _ => Err(refuse(
                Reason::ConnectionFailed,
                format!("{server} gave no token for its SFU; it answered {status}."),
            )),
        }
    }

    /// Issues a token for a remote user, who subscribes here and publishes at their own server's SFU (MSC4195).
    /// Creates the room if a local user takes part in the call, because the remote user may arrive first.
    ///
    /// Refuses as [`Rtc::give`], and with `M_FORBIDDEN` a user who does not belong to `origin`.
    #[boxed]
    pub async fn give_to(
        &self,
        origin: &ServerName,
        user: &UserId,
        url: &str,
        wish: TokenRequest<'_>,
    ) -> Result<String> {
        if !self.is_there() {
            return Err(nothing_here());
        }
        if user.server_name() != origin {
            return Err(Error::forbidden(format!("{user} is not a user of {origin}.")));
        }
        self.check_may_join_call(user, wish).await?;
        self.check_url(url)?;
        let create = self.is_wanted_here(wish).await?;
        self.ticket(user, wish, TokenGrants { publish: false, create }).await
    }

    /// Issues a token for the owner of an OpenID token, of this server or another; creates rooms as [`Rtc::give_to`]
    /// does. `claimed` is the user id in the request, if any.
    ///
    /// Refuses with `M_UNAUTHORIZED` an invalid OpenID token, otherwise as [`Rtc::give`].
    #[boxed]
    pub async fn give_for(
        &self,
        openid: OpenIdProof<'_>,
        claimed: Option<&str>,
        wish: TokenRequest<'_>,
    ) -> Result<String> {
        if !self.is_there() {
            return Err(nothing_here());
        }
        check_wish(wish)?;
        let user = self.whose(openid, wish.room).await?;
        if claimed.is_some_and(|claimed| claimed != user) {
            return Err(unproven());
        }
        self.check_may_join_call(&user, wish).await?;
        let is_local = self.core.is_local(&user);
        // Clients that only distinguish devices choose one SFU for the whole call, which may be this one, so they may
        // publish here.
        let publish = is_local || matches!(wish.member, CallMember::Device(_));
        let create = is_local || self.is_wanted_here(wish).await?;
        self.ticket(&user, wish, TokenGrants { publish, create }).await
    }

    /// Returns the owner of an OpenID token. Asks another server only if it is in the room: an unauthenticated
    /// request must not choose the servers that this one contacts.
    async fn whose(&self, openid: OpenIdProof<'_>, room: &RoomId) -> Result<OwnedUserId> {
        if *openid.server == *self.core.server_name {
            return self.personal.openid.whose(openid.token).await?.ok_or_else(unproven);
        }
        if !self.has_server(room, openid.server).await? {
            return Err(not_in_it());
        }
        let request = get_openid_userinfo::v1::Request::new(openid.token.to_owned());
        let user = self.federation.ask_within(openid.server, request, CALL_TOKEN_ASK_WAIT).await.map_err(|error| {
            tracing::debug!(%error, server = %openid.server, "Failed to verify an OpenID token.");
            if error.reason() == Some(Reason::ConnectionFailed) { error } else { unproven() }
        })?;
        // A server may vouch only for its own users.
        if user.sub.server_name() == openid.server { Ok(user.sub) } else { Err(unproven()) }
    }

    /// Refuses users who may not take part in the call.
    async fn check_may_join_call(&self, user: &UserId, wish: TokenRequest<'_>) -> Result<()> {
        check_wish(wish)?;
        let (core, user, room) = (self.core.clone(), user.to_owned(), wish.room.to_owned());
        let read = self.core.store.read("rtc_admit", move |tx| is_member(&core, tx, &user, &room));
        if read.await? { Ok(()) } else { Err(not_in_it()) }
    }

    async fn has_server(&self, room: &RoomId, server: &ServerName) -> Result<bool> {
        let (core, room, server) = (self.core.clone(), room.to_owned(), server.to_owned());
        let read = self.core.store.read("rtc_servers", move |tx| {
            let Some(room) = rooms::by_id(tx.tx(), room.as_str())? else { return Ok(false) };
            Ok(find::is_resident(tx.tx(), &room)? && servers::of(&core, tx.tx(), room.sn)?.contains(&server))
        });
        read.await
    }

    /// Issues a token for a user who has passed the checks.
    async fn ticket(&self, user: &UserId, wish: TokenRequest<'_>, extent: TokenGrants) -> Result<String> {
        let room_name = names::room_name(wish.room, wish.slot);
        let identity = names::identity(user, wish.member);
        let (sfu, now_ms) = (self.sfu()?, self.core.now_ms());
        if extent.create {
            sfu.create_room(&room_name, now_ms / 1_000).await.inspect_err(|error| {
                tracing::warn!(%error, "Failed to create the SFU room of a call.");
            })?;
        }
        let until_ms = now_ms.saturating_add(limits::RTC_TOKEN_MS_MAX);
        let video = Grants {
            room: room_name.clone(),
            room_join: true,
            can_publish: extent.publish,
            can_subscribe: true,
            ..Grants::default()
        };
        let (iss, sub) = (sfu.key.name.clone(), identity.clone());
        let claims = TokenClaims { iss, sub, nbf: now_ms / 1_000, exp: until_ms / 1_000, video, sha256: None };
        let token = sfu.key.mint(&claims);
        // Remember the seat, so that the user can be removed from the call when they leave the room.
        self.given.note(IssuedSeat { room_name, identity }, user.to_owned(), wish.room.to_owned(), until_ms);
        Ok(token)
    }
}

/// The response of another server.
#[derive(Default, Deserialize)]
struct Answered {
    jwt: Option<String>,
    #[serde(default)]
    errcode: String,
}

fn read(body: &[u8]) -> Answered {
    serde_json::from_slice(body).unwrap_or_default()
}

/// Returns whether a user is in a room of this server. A local account must also be allowed to call.
pub(super) fn is_member(
    core: &RoomCore,
    tx: &mut hearth_store::ReadTx<'_>,
    user: &UserId,
    room: &RoomId,
) -> Result<bool> {
    let Some(sn) = users::find(tx.tx(), user.as_str())? else { return Ok(false) };
    let Some(room) = rooms::by_id(tx.tx(), room.as_str())? else { return Ok(false) };
    if find::membership_status(tx.tx(), &room, sn)? != Some(Membership::Join) {
        return Ok(false);
    }
    if !core.is_local(user) {
        return find::is_resident(tx.tx(), &room);
    }
    let account = accounts::get(tx.tx(), sn)?;
    Ok(account.is_some_and(|it| it.deactivated_ms.is_none() && !it.is(accounts::LOCKED) && !it.is(accounts::SUSPENDED)))
}

fn check_wish(wish: TokenRequest<'_>) -> Result<()> {
    let (device, id) = match wish.member {
        CallMember::Device(device) => (Some(device), None),
        CallMember::DeviceAndId(device, id) => (Some(device), Some(id)),
        CallMember::Id(id) => (None, Some(id)),
    };
    for (what, text) in [("slot", Some(wish.slot)), ("device id", device), ("member id", id)] {
        let bad = text.is_some_and(|text| text.is_empty() || text.len() > limits::RTC_NAME_BYTES_MAX);
        if bad {
            let max = limits::RTC_NAME_BYTES_MAX;
            return Err(Error::invalid(format!("The {what} must have between 1 and {max} bytes.")));
        }
    }
    Ok(())
}

fn not_in_it() -> Error {
    Error::forbidden("Only members of a room take part in its calls; join it first.")
}

fn unproven() -> Error {
    refuse(Reason::Unauthorized, "The OpenID token is unknown, too old, or somebody else's.")
}
