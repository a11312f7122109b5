//! Event templates from `make_join`, `make_knock` and `make_leave` (server-server API, "Joining Rooms", "Knocking upon
//! a room", "Leaving Rooms"), and the events built from them.
//!
//! A template is untrusted input to a signature, so it is never signed as received. After checking that it matches the
//! request, the server builds a new event and copies only the place in the room's graph and the authorising user of a
//! restricted join.

use std::collections::HashSet;

use hearth_base::limits::federation::MAKE_JOIN_DEPTH_MAX;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::event::author::author;
use hearth_rooms::event::{Authored, Draft, GraphPosition, version};
use hearth_rooms::membership::AUTHORISED_VIA;
use hearth_store::tables::memberships::Membership;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedEventId, OwnedUserId, RoomId, RoomVersionId, ServerName, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The request for a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateRequest<'a> {
    /// The room to join, knock on or leave.
    pub(super) room_id: &'a RoomId,
    /// The local user.
    pub(super) user: &'a UserId,
    /// The requested membership: join, knock or leave.
    pub(super) membership: Membership,
    /// The room's version, if known.
    pub(super) version: Option<&'a str>,
}

/// The values copied from a valid template.
#[derive(Debug)]
pub(super) struct RemoteTemplate {
    /// The room's version; this server supports it.
    pub(super) version: String,
    /// The rules of that version.
    pub(super) rules: &'static RoomVersionRules,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
    depth: i64,
    /// The authorising user of a restricted join.
    pub(super) authorised_via: Option<OwnedUserId>,
}

#[derive(Deserialize)]
struct Wire {
    room_id: String,
    #[serde(rename = "type")]
    kind: String,
    sender: String,
    state_key: String,
    content: TemplateContent,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
    depth: i64,
}

#[derive(Deserialize)]
struct TemplateContent {
    membership: String,
    join_authorised_via_users_server: Option<OwnedUserId>,
}

/// Reads the template that `from` has sent, and checks it against the request.
///
/// `M_UNSUPPORTED_ROOM_VERSION` for an unsupported version, and `M_CONNECTION_FAILED`, as for an invalid response, for
/// any template that does not match the request.
pub(super) fn read(
    from: &ServerName,
    wanted: &TemplateRequest<'_>,
    version: Option<&RoomVersionId>,
    json: &RawValue,
) -> Result<RemoteTemplate> {
    // A missing version means version 1.
    let version = version.map_or("1", |version| version.as_str());
    let rules = version::rules(version)?;
    if wanted.membership == Membership::Knock && !rules.authorization.knocking {
        return Err(Error::forbidden(format!("Rooms of version {version} know no knocking; ask for an invite.")));
    }
    let wrong = |what: &str| refuse(Reason::ConnectionFailed, format!("{from} sent a template with {what}."));
    if wanted.version.is_some_and(|known| known != version) {
        return Err(wrong("another room version than the room has"));
    }
    let wire: Wire = serde_json::from_str(json.get()).map_err(|_| wrong("parts missing or of the wrong kind"))?;
    let parts = [
        (wire.kind == "m.room.member", "another type than m.room.member"),
        (wire.room_id == wanted.room_id.as_str(), "another room"),
        (wire.sender == wanted.user.as_str(), "another sender"),
        (wire.state_key == wanted.user.as_str(), "another state key"),
        (wire.content.membership == wanted.membership.name(), "another membership"),
        (is_set(&wire.prev_events, 1..=limits::PREV_EVENTS_MAX), "no previous events, too many, or one twice"),
        (is_set(&wire.auth_events, auth_events(wanted.membership, rules)), "auth events that cannot be right"),
        (wire.depth >= 0, "a negative depth"),
    ];
    if let Some((_, what)) = parts.into_iter().find(|(is_right, _)| !is_right) {
        return Err(wrong(what));
    }
    let vouches = wanted.membership == Membership::Join && rules.authorization.restricted_join_rule;
    let authorised_via = wire.content.join_authorised_via_users_server.filter(|_| vouches);
    if authorised_via.as_ref().is_some_and(|voucher| voucher.server_name() != from) {
        // Only the authorising user's own server can sign for them, and a third server does not receive the event.
        return Err(wrong("somebody of a third server to vouch"));
    }
    Ok(RemoteTemplate {
        version: version.to_owned(),
        rules,
        prev_events: wire.prev_events,
        auth_events: wire.auth_events,
        depth: wire.depth.min(MAKE_JOIN_DEPTH_MAX),
        authorised_via,
    })
}

/// Bounds of the number of auth events of a member event that changes its own sender ("Auth events selection"): the
/// create event before version 12, power levels, the sender's membership, the join rules except for a leave, and the
/// authorising user.
fn auth_events(membership: Membership, rules: &RoomVersionRules) -> std::ops::RangeInclusive<usize> {
    let create = usize::from(!rules.authorization.room_create_event_id_as_room_id);
    let others = match membership {
        Membership::Join if rules.authorization.restricted_join_rule => 4,
        Membership::Join | Membership::Knock => 3,
        _ => 2,
    };
    create..=create + others
}

fn is_set(ids: &[OwnedEventId], len: std::ops::RangeInclusive<usize>) -> bool {
    let mut seen = HashSet::new();
    len.contains(&ids.len()) && ids.iter().all(|id| id.as_str().len() <= limits::ID_BYTES_MAX && seen.insert(id))
}

impl RemoteTemplate {
    /// Builds and signs the event. `content` is local; only the authorising user is added to it.
    pub(super) fn sign(
        self,
        core: &RoomCore,
        wanted: &TemplateRequest<'_>,
        mut content: CanonicalJsonObject,
    ) -> Result<Authored> {
        content.insert("membership".to_owned(), wanted.membership.name().into());
        content.remove(AUTHORISED_VIA);
        if let Some(voucher) = &self.authorised_via {
            content.insert(AUTHORISED_VIA.to_owned(), voucher.as_str().into());
        }
        let place = GraphPosition {
            room_id: Some(wanted.room_id),
            prev_events: self.prev_events,
            auth_events: self.auth_events,
            depth: self.depth,
        };
        let draft = Draft::state("m.room.member", wanted.user.as_str(), content);
        author((&core.server_name, core.key.pair()), self.rules, wanted.user, core.now_ms(), place, draft)
    }
}
