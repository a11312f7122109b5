//! Room lists and details for the administrator.

use hearth_base::boxed;
use hearth_base::limits::domain::MEMBERS_SHOWN_MAX;
use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::directory;
use hearth_rooms::power;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::{events, rooms, rooms::Room as RoomRow, state, users};
use ruma::UserId;
use ruma::events::room::power_levels::UserPowerLevel;

use super::{Admin, AdminPage, PageRequest, matches};

/// Rooms to read per step of a search.
const STRIDE: u64 = 200;

/// A row of the room list.
#[derive(Debug, Clone)]
pub struct Room {
    /// The room id.
    pub room_id: String,
    /// `m.room.name`.
    pub name: Option<String>,
    /// `m.room.canonical_alias`.
    pub canonical_alias: Option<String>,
    /// The room version.
    pub version: String,
    /// Joined members of all servers.
    pub joined_members: u64,
    /// Joined members of this server.
    pub local_members: u64,
    /// Stored events.
    pub events: u64,
    /// Whether the room is encrypted.
    pub encrypted: bool,
    /// Whether the public room directory lists the room.
    pub public: bool,
    /// The creator.
    pub creator: Option<String>,
}

/// A room's details.
#[derive(Debug, Clone)]
pub struct RoomDetail {
    /// The row of the room list.
    pub room: Room,
    /// `m.room.topic`.
    pub topic: Option<String>,
    /// `m.room.join_rules`.
    pub join_rule: String,
    /// Joined members, highest power level first, at most [`MEMBERS_SHOWN_MAX`].
    pub members: Vec<JoinedMember>,
}

/// A joined member.
#[derive(Debug, Clone)]
pub struct JoinedMember {
    /// The user id.
    pub user_id: String,
    /// The display name in this room.
    pub display_name: Option<String>,
    /// Power level; `i64::MAX` for creators with infinite power (room version 12).
    pub power_level: i64,
}

impl Admin {
    /// A page of rooms, oldest first.
    #[boxed]
    pub async fn rooms(&self, listing: PageRequest) -> Result<AdminPage<Room>> {
        let (limit, needle, core) = (listing.limit(), listing.needle(), self.core.clone());
        let mut after = match &listing.from {
            None => RoomSn(0),
            Some(from) => RoomSn(from.parse().map_err(|_| Error::invalid("`from` is not from a page of this list."))?),
        };
        let read = self.core.store.read("admin_rooms", move |tx| {
            let mut items: Vec<Room> = Vec::new();
            loop {
                let rows = rooms::list(tx.tx(), after, STRIDE)?;
                let Some(last) = rows.last().map(|row| row.sn) else { return Ok(AdminPage { items, next: None }) };
                for row in rows {
                    let (name, alias) = (name(&core, tx.tx(), &row)?, alias(&core, tx.tx(), &row)?);
                    if !matches(needle.as_deref(), &[Some(&row.id), name.as_deref(), alias.as_deref()]) {
                        continue;
                    }
                    if items.len() == limit {
                        // Another match exists, so there is a next page; it starts after the last returned room.
                        return Ok(AdminPage { items, next: Some(after.0.to_string()) });
                    }
                    after = row.sn;
                    items.push(read_room(&core, tx.tx(), row, name, alias)?);
                }
                after = last;
            }
        });
        read.await
    }

    /// One room; `M_NOT_FOUND` if the server does not know it.
    #[boxed]
    pub async fn room(&self, room_id: &str) -> Result<RoomDetail> {
        let (core, room_id) = (self.core.clone(), room_id.to_owned());
        let read = self.core.store.read("admin_room", move |tx| {
            let unknown = || Error::not_found(format!("This server knows no room {room_id}."));
            let row = rooms::by_id(tx.tx(), &room_id)?.ok_or_else(unknown)?;
            let card = directory::card(&core, tx.tx(), &row)?;
            let members = members(&core, tx.tx(), &row)?;
            let (name, alias) = (card.name, card.canonical_alias.map(String::from));
            let room = read_room(&core, tx.tx(), row, name, alias)?;
            Ok(RoomDetail { room, topic: card.topic, join_rule: card.join_rule.as_str().to_owned(), members })
        });
        read.await
    }
}

fn name(core: &RoomCore, tx: &mut dyn Tx, room: &RoomRow) -> Result<Option<String>> {
    said(core, tx, room, "m.room.name", "name")
}

fn alias(core: &RoomCore, tx: &mut dyn Tx, room: &RoomRow) -> Result<Option<String>> {
    said(core, tx, room, "m.room.canonical_alias", "alias")
}

/// A non-empty string from the content of a current state event.
fn said(core: &RoomCore, tx: &mut dyn Tx, room: &RoomRow, kind: &str, field: &str) -> Result<Option<String>> {
    let Some(sn) = state::current_named(tx, room.sn, kind, "")? else { return Ok(None) };
    Ok(core.events.get(tx, sn)?.pdu.content_str(field).filter(|text| !text.is_empty()))
}

fn read_room(
    core: &RoomCore,
    tx: &mut dyn Tx,
    row: RoomRow,
    name: Option<String>,
    alias: Option<String>,
) -> Result<Room> {
    let joined = memberships::counts(tx, row.sn)?
        .into_iter()
        .find(|(membership_status, _)| *membership_status == Membership::Join);
    Ok(Room {
        name,
        canonical_alias: alias,
        joined_members: joined.map_or(0, |(_, count)| count),
        local_members: memberships::local_joined(tx, row.sn)?.len() as u64,
        events: events::count_in_room(tx, row.sn)?,
        encrypted: state::current_named(tx, row.sn, "m.room.encryption", "")?.is_some(),
        public: row.published,
        creator: power::create_event(core, tx, &row).ok().map(|event| event.pdu.sender.to_string()),
        version: row.version,
        room_id: row.id,
    })
}

/// The joined members with the highest power levels.
fn members(core: &RoomCore, tx: &mut dyn Tx, room: &RoomRow) -> Result<Vec<JoinedMember>> {
    let levels = power::levels(core, tx, room)?;
    let mut joined = Vec::new();
    for row in memberships::of_room(tx, room.sn)?.into_iter().filter(|row| row.membership == Membership::Join) {
        let Some(user_id) = users::name(tx, row.user)? else { continue };
        let level = UserId::parse(user_id.as_str()).map(|user| levels.for_user(&user));
        let level = match level {
            Ok(UserPowerLevel::Infinite) => i64::MAX,
            Ok(UserPowerLevel::Int(level)) => level.into(),
            _ => 0,
        };
        joined.push((level, user_id, row.event));
    }
    // By user ID among equals, so that the order is stable.
    joined.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let member = |(power_level, user_id, event)| {
        let display_name = core.events.get(tx, event)?.pdu.content_str("displayname");
        Ok(JoinedMember { user_id, display_name, power_level })
    };
    joined.into_iter().take(MEMBERS_SHOWN_MAX).map(member).collect()
}
