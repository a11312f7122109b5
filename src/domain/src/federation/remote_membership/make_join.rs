//! Templates of member events, as other servers fill them in for us (server-server API, "Joining Rooms", "Knocking upon a
//! room", "Leaving Rooms"), and the events that we make of them.
//!
//! A template is a stranger's wish for our signature. So nothing of it is signed: once it says that it is about what we asked
//! for, the event is built anew, and the only things taken over are its place in the room's graph and who vouches for a join.

use std::collections::HashSet;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::tables::memberships::Membership;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedEventId, OwnedUserId, RoomId, RoomVersionId, ServerName, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::core::Core;
use crate::rooms::event::author::author;
use crate::rooms::event::{Authored, Draft, GraphPosition, version};
use crate::rooms::membership::AUTHORISED_VIA;

/// The greatest depth that canonical JSON can say.
const DEPTH_MAX: i64 = (1 << 53) - 1;

/// What we asked a template for.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateRequest<'a> {
    /// The room.
    pub(super) room_id: &'a RoomId,
    /// Our user.
    pub(super) user: &'a UserId,
    /// What they want to become: join, knock or leave.
    pub(super) membership: Membership,
    /// The room's version, where it is known already.
    pub(super) version: Option<&'a str>,
}

/// What is taken over from a template that says what it should.
#[derive(Debug)]
pub(super) struct RemoteTemplate {
    /// The room's version, one that this server supports.
    pub(super) version: String,
    /// Its rules.
    pub(super) rules: &'static RoomVersionRules,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
    depth: i64,
    /// Who vouches for a join of a restricted room.
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

/// Reads the template that `from` has sent, and holds it against what was wanted.
///
/// Refuses with `M_UNSUPPORTED_ROOM_VERSION` what this server cannot take part in, and with `M_CONNECTION_FAILED`, as an
/// answer that is none, everything that is not exactly about what was asked.
pub(super) fn read(
    from: &ServerName,
    wanted: &TemplateRequest<'_>,
    version: Option<&RoomVersionId>,
    json: &RawValue,
) -> Result<RemoteTemplate> {
    // Servers that leave the version out mean the first one.
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
        // Only their own server can sign for them, and it is not the one that is going to get the event.
        return Err(wrong("somebody of a third server to vouch"));
    }
    Ok(RemoteTemplate {
        version: version.to_owned(),
        rules,
        prev_events: wire.prev_events,
        auth_events: wire.auth_events,
        depth: wire.depth.min(DEPTH_MAX),
        authorised_via,
    })
}

/// How many auth events a member event that changes its own sender may have ("Auth events selection"): the create event
/// before version 12, power levels, the sender's membership, the join rules except for a leave, and who vouches.
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
    /// Builds and signs our event. `content` is ours; only who vouches is added to it.
    pub(super) fn sign(
        self,
        core: &Core,
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
