//! One room of a response.

use std::sync::Arc;

use hearth_base::{Position, Result};
use hearth_rooms::load::Event;
use hearth_rooms::read::choice::EventChoice;
use hearth_rooms::read::present::{self, EventFormat};
use hearth_rooms::read::token::Token;
use hearth_rooms::read::visibility::Viewer;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{receipts, rooms, state, thread_subscriptions};
use serde::Deserialize;

use super::answer::{Hero, RoomAnswer};
use super::connection::SentRoom;
use super::lists::ShownRoom;
use super::read::SlidingScope;
use super::required::RequiredState;
use super::state::{self as chosen, Chosen, StateAt, StateChanges};
use crate::push::counts::CountQuery;
use crate::sync::timeline::{self, TimelinePiece, TimelineQuery};
use crate::sync::{gone, summary};

/// What is known about a room after this response.
#[derive(Debug)]
pub(super) struct RoomOutcome {
    /// The room, if anything in it is new to the client.
    pub(super) answer: Option<RoomAnswer>,
    /// The events in the answer.
    pub(super) timeline: Vec<Arc<Event>>,
    /// The record of what has been sent.
    pub(super) sent: SentRoom,
}

/// Returns what is new in a room.
pub(super) fn read(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: &ShownRoom) -> Result<RoomOutcome> {
    let known = scope.sent.rooms.get(&room.row.room).zip(scope.sent_upto(room.row.room));
    let mut sent = SentRoom {
        upto: None,
        limit: room.limit,
        required: room.required.clone(),
        parts: known.map_or(0, |(known, _)| known.parts),
    };
    let is_told = known.is_some_and(|(_, upto)| room.row.position <= upto);
    let (mut answer, piece) = match room.row.membership {
        Membership::Join => {
            // A room joined after it was last sent is new to the client, even if the client remembers an earlier stay.
            let known = known.filter(|(_, upto)| room.row.since <= *upto);
            joined(scope, tx, room, known, &mut sent)?
        }
        Membership::Invite | Membership::Knock if !is_told => (Some(stripped(tx, room)?), None),
        Membership::Leave | Membership::Ban if !is_told => {
            let (answer, piece) = ended(scope, tx, room, known.map(|(_, upto)| upto))?;
            (Some(answer), Some(piece))
        }
        _ => (None, None),
    };
    if let (Some((known, _)), true) = (known, answer.is_none() || !room.is_joined()) {
        sent.limit = sent.limit.max(known.limit);
    }
    if let Some(answer) = &mut answer {
        // A room that is new to the client, or of which the client has to forget what it knows.
        answer.initial |= known.is_none();
        answer.is_dm = scope.dms.contains(room.id().as_str());
        let bump =
            if room.is_joined() { room.facts.bump.max(room.row.since.as_i64()) } else { room.row.position.as_i64() };
        answer.bump_stamp = Some(bump);
    }
    let timeline = piece.map(|piece| piece.events).unwrap_or_default();
    Ok(RoomOutcome { answer, timeline, sent })
}

/// An invite, or a knock. The client learns nothing of the room but its stripped state.
fn stripped(tx: &mut dyn Tx, room: &ShownRoom) -> Result<RoomAnswer> {
    Ok(RoomAnswer { invite_state: Some(gone::stripped(tx, &room.row)?), ..RoomAnswer::default() })
}

fn query<'a>(scope: &'a SlidingScope<'_>, limit: usize) -> TimelineQuery<'a> {
    TimelineQuery {
        core: &scope.sync.core,
        choice: EventChoice::from(&scope.every_event),
        limit,
        format: EventFormat::timeline(None),
        bytes: &scope.timeline_bytes,
    }
}

type Answered = (Option<RoomAnswer>, Option<TimelinePiece>);

/// A room that the user is in.
fn joined(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    room: &ShownRoom,
    known: Option<(&SentRoom, Position)>,
    sent: &mut SentRoom,
) -> Result<Answered> {
    let wants_more = known.is_some_and(|(known, _)| room.limit > known.limit);
    let wants_state = known.is_some_and(|(known, _)| scope.comparisons.exceeds(&room.required, &known.required));
    if let Some((known, after)) = known
        && scope.is_quiet(room.row.room, after)
        && !wants_more
        && !wants_state
    {
        // What the client has, it keeps: it may ask for it again.
        *sent = SentRoom { upto: None, ..known.clone() };
        return Ok((None, None));
    }
    let core = &*scope.sync.core;
    let after = known.map(|(_, after)| after);
    let row = Some(room.row);
    let mut viewer = Viewer::of_member(core, tx, room.row.room, scope.reader, row)?.ignoring(scope.ignored.clone());
    let from = after.filter(|_| !wants_more);
    let piece = timeline::read(&query(scope, room.limit), tx, &mut viewer, from, scope.upto.as_i64())?;
    let changes = match after {
        Some(after) => StateChanges::new(state::changes(tx, room.row.room, after, scope.upto)?),
        None => StateChanges::default(),
    };
    let chosen = joined_state(scope, tx, room, known.map(|(known, _)| known), (&piece, &changes), sent)?;
    let mut answer = RoomAnswer::default();
    let has_meta = meta(scope, tx, room, after.map(|_| &changes), &mut answer)?;
    let has_read = counts_changed(scope, tx, room, after)?;
    let is_news = after.is_none() || !piece.events.is_empty() || piece.limited || !chosen.is_empty();
    if !(is_news || has_meta || has_read) {
        return Ok((None, None));
    }
    if let Some((known, _)) = known {
        // The client has as many events as before, unless there is a gap between them and these.
        sent.limit = if piece.limited { room.limit } else { room.limit.max(known.limit) };
    }
    answer.initial = after.is_none();
    if wants_more {
        answer.expanded_timeline = after.is_some_and(|after| is_older(piece.events.first(), after));
        answer.unstable_expanded_timeline = answer.expanded_timeline;
    }
    counts(scope, tx, room, &mut answer)?;
    write(scope, tx, &mut viewer, (chosen, &piece), &mut answer)?;
    Ok((Some(answer), Some(piece)))
}

fn is_older(event: Option<&Arc<Event>>, than: Position) -> bool {
    event.and_then(|event| event.ord).is_some_and(|ord| ord <= than.as_i64())
}

/// Whether unread counts may have changed without an event since the room was last sent: the user has read in the room, or
/// has subscribed to one of its threads.
fn counts_changed(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    room: &ShownRoom,
    after: Option<Position>,
) -> Result<bool> {
    let Some(after) = after else { return Ok(false) };
    let receipts = receipts::changed(tx, room.row.room, after, scope.upto)?;
    Ok(receipts.iter().any(|receipt| receipt.user == scope.reader.user)
        || thread_subscriptions::changed_in(tx, scope.reader.user, room.row.room, after)?)
}

/// Chooses the state of a joined room.
fn joined_state(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    room: &ShownRoom,
    known: Option<&SentRoom>,
    (piece, changes): (&TimelinePiece, &StateChanges),
    sent: &mut SentRoom,
) -> Result<Chosen> {
    let (core, at, required) = (&*scope.sync.core, StateAt::Now(room.row.room), &*room.required);
    let mut chosen = Chosen::new();
    match known {
        None => chosen::add_wanted((core, &scope.state_keys), tx, at, required, None, &mut chosen)?,
        Some(known) => {
            let exceeds = scope.comparisons.exceeds(&room.required, &known.required);
            if exceeds {
                chosen::add_wanted((core, &scope.state_keys), tx, at, required, Some(&known.required), &mut chosen)?;
            }
            // Members of a limited timeline would be all who came and went since: the client asks for them when it needs them.
            let with_members = required.is_lazy() && !piece.limited;
            let both = (required, &*known.required);
            let is_left_out = changes.add_wanted(core, tx, both, with_members, &mut chosen)?;
            if !exceeds && !is_left_out {
                // The client still has what it wanted earlier. If it wants that again, nothing is to be sent.
                sent.required = known.required.clone();
            }
        }
    }
    if required.is_lazy() {
        chosen::add_lazy(tx, &scope.state_keys, at, &piece.events, &mut chosen)?;
    }
    Ok(chosen)
}

/// Adds name, avatar, heroes and numbers of members, if they changed or (without `changes`) the room is new. Returns whether
/// any changed.
fn meta(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    room: &ShownRoom,
    changes: Option<&StateChanges>,
    answer: &mut RoomAnswer,
) -> Result<bool> {
    let at = StateAt::Now(room.row.room);
    let has_changed =
        |tx: &mut dyn Tx, kind: &str| changes.map_or(Ok(true), |changes| changes.has(tx, &scope.state_keys, kind));
    let (has_name, has_avatar) = (has_changed(tx, "m.room.name")?, has_changed(tx, "m.room.avatar")?);
    if has_name {
        let name = text(scope, tx, at, ("m.room.name", "name"))?;
        answer.name = Some(name).filter(|name| name.is_some() || changes.is_some());
    }
    if has_avatar {
        let avatar = text(scope, tx, at, ("m.room.avatar", "url"))?;
        answer.avatar = Some(avatar).filter(|avatar| avatar.is_some() || changes.is_some());
    }
    let has_members = changes.is_none_or(StateChanges::has_member);
    if has_members || has_name {
        let Some(row) = rooms::by_sn(tx, room.row.room)? else { return Ok(false) };
        let summary = summary::of(&scope.sync.core, tx, &row, scope.reader.user)?;
        answer.joined_count = summary.joined_member_count;
        answer.invited_count = summary.invited_member_count;
        for user in summary.heroes {
            answer.heroes.push(hero(scope, tx, at, user)?);
        }
    }
    Ok(changes.is_some() && (has_name || has_avatar || has_members))
}

fn text(scope: &SlidingScope<'_>, tx: &mut dyn Tx, at: StateAt, (kind, field): (&str, &str)) -> Result<Option<String>> {
    let Some(event) = at.named(tx, &scope.state_keys, kind, "")? else { return Ok(None) };
    Ok(scope.sync.core.events.get(tx, event)?.pdu.content_str(field).filter(|text| !text.is_empty()))
}

fn hero(scope: &SlidingScope<'_>, tx: &mut dyn Tx, at: StateAt, user_id: ruma::OwnedUserId) -> Result<Hero> {
    #[derive(Default, Deserialize)]
    struct Profile {
        displayname: Option<serde_json::Value>,
        avatar_url: Option<serde_json::Value>,
    }
    let profile: Profile = match at.named(tx, &scope.state_keys, "m.room.member", user_id.as_str())? {
        Some(event) => scope.sync.core.events.get(tx, event)?.pdu.content_as().unwrap_or_default(),
        None => Profile::default(),
    };
    let text = |value: Option<serde_json::Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    Ok(Hero { user_id, displayname: text(profile.displayname), avatar_url: text(profile.avatar_url) })
}

fn counts(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: &ShownRoom, answer: &mut RoomAnswer) -> Result<()> {
    let Some(row) = rooms::by_sn(tx, room.row.room)? else { return Ok(()) };
    let user_id = scope.reader.user_id;
    let query = CountQuery { room: &row, member: &room.row, user_id, ignored: &scope.ignored, upto: scope.upto };
    // When the count is unfinished, the caller discards this response and reads again, so the default is never sent.
    let found = scope.sync.counter.count(&scope.sync.core, tx, query, &scope.budget)?.unwrap_or_default();
    let total = found.total();
    answer.notification_count = Some(total.notify);
    answer.highlight_count = Some(total.highlight);
    Ok(())
}

/// Writes state and timeline into the answer.
fn write(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    viewer: &mut Viewer<'_>,
    (chosen, piece): (Chosen, &TimelinePiece),
    answer: &mut RoomAnswer,
) -> Result<()> {
    let mut events: Vec<_> = chosen.into_values().collect();
    events.sort_unstable();
    let mut budget = scope.state_bytes.get();
    answer.required_state = present::state_within(viewer, tx, &EventFormat::state(None), events, &mut budget)?;
    scope.state_bytes.set(budget);
    answer.timeline.clone_from(&piece.shown);
    answer.limited = Some(piece.limited);
    answer.prev_batch = Some(Token::after(piece.before).to_string());
    let is_live = |event: &&Arc<Event>| scope.from.is_some_and(|from| !is_older(Some(event), from));
    answer.num_live = Some(piece.events.iter().rev().take_while(is_live).count());
    Ok(())
}

/// A room that the user left, was removed from, or whose invite has ended, up to that event: it is always in the answer,
/// whatever the client wants of the room.
fn ended(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    room: &ShownRoom,
    sent: Option<Position>,
) -> Result<(RoomAnswer, TimelinePiece)> {
    let (core, row) = (&*scope.sync.core, &room.row);
    let member = core.events.get(tx, row.event)?;
    let mut viewer = Viewer::of_member(core, tx, row.room, scope.reader, Some(*row))?.ignoring(scope.ignored.clone());
    let (query, mut chosen, mut answer) = (query(scope, room.limit), Chosen::new(), RoomAnswer::default());
    let own = member.state_key.map(|key| (key, member.sn));
    if member.is_outlier() {
        // An invite or knock that ended in a remote room: only the member event is known.
        let piece = timeline::read_single(&query, tx, &mut viewer, &member, row.position.as_i64())?;
        chosen.extend(own);
        write(scope, tx, &mut viewer, (chosen, &piece), &mut answer)?;
        return Ok((answer, piece));
    }
    let departure = viewer.departure();
    let after = match (sent, departure) {
        // For a client that has not seen the last stay, the room is new.
        (Some(sent), Some(departure)) if !gone::was_in(core, tx, departure, sent)? => None,
        (sent, _) => sent,
    };
    answer.initial = after.is_none();
    let piece = timeline::read(&query, tx, &mut viewer, after, scope.upto.min(row.position).as_i64())?;
    if let Some(departure) = departure {
        match after {
            None => {
                let at = StateAt::Then(core.events.get(tx, departure.event)?.snapshot);
                chosen::add_wanted((core, &scope.state_keys), tx, at, &room.required, None, &mut chosen)?;
                if room.required.is_lazy() {
                    chosen::add_lazy(tx, &scope.state_keys, at, &piece.events, &mut chosen)?;
                }
            }
            Some(after) => {
                // Later changes are hidden from the user.
                let upto = Position::from_i64(departure.ord.max(0)).min(scope.upto);
                let changes = StateChanges::new(state::changes(tx, row.room, after, upto)?);
                let required: &RequiredState = &room.required;
                changes.add_wanted(core, tx, (required, required), false, &mut chosen)?;
            }
        }
    }
    // A membership that a state resolution removed has no event that ends it.
    if hearth_rooms::read::visibility::membership_of(&member.pdu) == Some(row.membership) {
        chosen.extend(own);
    }
    write(scope, tx, &mut viewer, (chosen, &piece), &mut answer)?;
    Ok((answer, piece))
}
