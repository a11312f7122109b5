//! What a connection has been sent. Small, and on disk, so that a restart of the server costs no client anything.
//!
//! A room that the client sees needs no write when something happens in it: "sent up to the `pos` of the request" remains
//! true. A write is due only when a room comes into view, or when something happens to a room that has left it.
//!
//! Each response that changes this stores a new generation, and its `pos` names it. The generation of the request stays, so
//! that the client can repeat the request if the response is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::limits::users::{
    SLIDING_CONFIG_BYTES_MAX, SLIDING_CONNECTIONS_MAX, SLIDING_GENERATIONS_MAX, SLIDING_UNUSED_MS_MAX,
    SLIDING_USED_MS_ROUNDED,
};
use hearth_base::{Error, Millis, Position, Reason, Result, boxed, error::refuse};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::{devices, sliding_connections};
use hearth_store::{Lane, WriteTx, varint};

use super::query::{Pos, unknown_pos};
use super::required::RequiredState;
use super::sent_profiles::SentProfiles;
use crate::sync::Sync;

/// The client has the room's receipts.
pub(super) const RECEIPTS: i64 = 1;
/// The client has the room's account data.
pub(super) const ACCOUNT_DATA: i64 = 2;
/// The client has the room's typing notifications.
pub(super) const TYPING: i64 = 4;
/// The client has the profiles of those whom it sees in the room.
pub(super) const PROFILES: i64 = 8;

/// As stored: [`Connection::has_account_data`].
const HAS_ACCOUNT_DATA: i64 = 1;
/// As stored: [`Connection::has_thread_subscriptions`].
const HAS_THREAD_SUBSCRIPTIONS: i64 = 2;
/// As stored: there are [`Connection::profiles`].
const HAS_PROFILES: i64 = 4;

/// What a connection has been sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Connection {
    /// The rooms.
    pub(super) rooms: BTreeMap<RoomSn, SentRoom>,
    /// Whether the client has the account data of the whole account.
    pub(super) has_account_data: bool,
    /// Whether the client has its subscriptions to threads.
    pub(super) has_thread_subscriptions: bool,
    /// Whose profiles the client has; none if it does not want any.
    pub(super) profiles: Option<SentProfiles>,
}

/// A room that has been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SentRoom {
    /// All changes up to here have been sent; none for the position of the request's `pos`.
    pub(super) upto: Option<Position>,
    /// The client has at least this many of the newest events.
    pub(super) limit: usize,
    /// The client has this state.
    pub(super) required: Arc<RequiredState>,
    /// [`RECEIPTS`], [`ACCOUNT_DATA`], [`TYPING`], [`PROFILES`].
    pub(super) parts: i64,
}

impl Connection {
    fn encode(&self) -> Result<Vec<u8>> {
        let mut configs: BTreeMap<&RequiredState, i64> = BTreeMap::new();
        let mut written = Vec::new();
        let mut rooms = Vec::with_capacity(self.rooms.len() * 8);
        let mut last = 0;
        for (room, sent) in &self.rooms {
            let config = match configs.get(&*sent.required) {
                Some(config) => *config,
                None => {
                    let json = serde_json::to_vec(&*sent.required)
                        .map_err(|error| Error::fault("writing the required state of a connection", error))?;
                    let config = add_config(&mut written, &json, configs.values().max().map_or(1, |last| last + 1));
                    configs.insert(&sent.required, config);
                    config
                }
            };
            let limit = i64::try_from(sent.limit).unwrap_or(i64::MAX);
            let upto = sent.upto.map_or(0, |upto| upto.as_i64() + 1);
            for value in [room.0 - last, upto, limit, config, sent.parts] {
                varint::write(&mut rooms, value);
            }
            last = room.0;
        }
        let mut out = Vec::with_capacity(written.len() + rooms.len() + 16);
        let account_data = if self.has_account_data { HAS_ACCOUNT_DATA } else { 0 };
        let threads = if self.has_thread_subscriptions { HAS_THREAD_SUBSCRIPTIONS } else { 0 };
        let profiles = if self.profiles.is_some() { HAS_PROFILES } else { 0 };
        varint::write(&mut out, account_data | threads | profiles);
        if let Some(profiles) = &self.profiles {
            profiles.encode(&mut out);
        }
        varint::write(&mut out, i64::try_from(written.len()).unwrap_or(i64::MAX));
        out.extend_from_slice(&written);
        out.extend_from_slice(&rooms);
        Ok(out)
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let has = varint::read(&mut bytes)?;
        let has_account_data = has & HAS_ACCOUNT_DATA != 0;
        let has_thread_subscriptions = has & HAS_THREAD_SUBSCRIPTIONS != 0;
        let profiles = match has & HAS_PROFILES {
            0 => None,
            _ => Some(SentProfiles::decode(&mut bytes)?),
        };
        let length = usize::try_from(varint::read(&mut bytes)?).ok()?;
        let (mut written, mut rest) = bytes.split_at_checked(length)?;
        // The first stands for what did not fit: the client gets its state again.
        let mut configs: Vec<Arc<RequiredState>> = vec![Arc::default()];
        while !written.is_empty() {
            let length = usize::try_from(varint::read(&mut written)?).ok()?;
            let (json, after) = written.split_at_checked(length)?;
            configs.push(Arc::new(serde_json::from_slice(json).ok()?));
            written = after;
        }
        // In their order, so that the map is built at once.
        let (mut rooms, mut last) = (Vec::new(), 0);
        while !rest.is_empty() {
            let mut number = || varint::read(&mut rest);
            let (step, upto, limit, config, parts) = (number()?, number()?, number()?, number()?, number()?);
            last += step;
            let required = configs.get(usize::try_from(config).ok()?)?.clone();
            let upto = (upto > 0).then(|| Position::from_i64(upto - 1));
            let limit = usize::try_from(limit).ok()?;
            rooms.push((RoomSn(last), SentRoom { upto, limit, required, parts }));
        }
        let rooms = rooms.into_iter().collect();
        Some(Self { rooms, has_account_data, has_thread_subscriptions, profiles })
    }
}

/// Appends a config unless the sum would be too large; returns its number, or 0.
fn add_config(written: &mut Vec<u8>, json: &[u8], number: i64) -> i64 {
    if written.len() + json.len() > SLIDING_CONFIG_BYTES_MAX {
        return 0;
    }
    varint::write(written, i64::try_from(json.len()).unwrap_or(i64::MAX));
    written.extend_from_slice(json);
    number
}

/// Loads what a connection had been sent at `pos`, and when that was last used. `M_UNKNOWN_POS` if the server does not know it
/// for this device and `conn_id`.
pub(super) fn load(tx: &mut dyn Tx, who: &Requester, conn: &str, pos: Pos) -> Result<(Connection, Millis)> {
    let row = sliding_connections::get(tx, who.device, conn, pos.generation)?;
    let (used_ms, state) = row.ok_or_else(unknown_pos)?;
    // Damaged, or from another version of this server: the client starts anew.
    Ok((Connection::decode(&state).ok_or_else(unknown_pos)?, used_ms))
}

impl Sync {
    /// Stores a generation after `base` and returns its number. Older ones go.
    pub(super) async fn store_connection(
        &self,
        who: &Requester,
        conn: &str,
        base: Option<i64>,
        state: &Connection,
    ) -> Result<i64> {
        let (state, now_ms) = (state.encode()?, self.core.now_ms());
        let (device, conn) = (who.device, conn.to_owned());
        let write = move |tx: &mut WriteTx<'_>| {
            // A device that was deleted meanwhile would leave the row behind.
            if devices::get(tx.tx(), device)?.is_none() {
                return Err(refuse(
                    Reason::UnknownToken { soft_logout: false },
                    "This session has ended: log in again.",
                ));
            }
            let generation = tx.position().as_i64();
            sliding_connections::insert(tx.tx(), (device, &conn), generation, now_ms, &state)?;
            let known = sliding_connections::generations(tx.tx(), device, &conn)?;
            for old in known.into_iter().skip(SLIDING_GENERATIONS_MAX).filter(|old| Some(*old) != base) {
                sliding_connections::delete_generation(tx.tx(), device, &conn, old)?;
            }
            if base.is_none() {
                for unused in sliding_connections::of_device(tx.tx(), device)?.iter().skip(SLIDING_CONNECTIONS_MAX) {
                    sliding_connections::delete(tx.tx(), device, unused)?;
                }
            }
            Ok(generation)
        };
        self.core.store.write_in(Lane::Client, "sliding_connection_store", write).await
    }

    /// Records that a generation is in use, if that was last recorded long ago.
    pub(super) async fn use_connection(&self, who: &Requester, conn: &str, base: i64, used_ms: Millis) -> Result<()> {
        let now_ms = self.core.now_ms();
        if now_ms.saturating_sub(used_ms) < SLIDING_USED_MS_ROUNDED {
            return Ok(());
        }
        let (device, conn) = (who.device, conn.to_owned());
        let write = move |tx: &mut WriteTx<'_>| sliding_connections::touch(tx.tx(), (device, &conn), base, now_ms);
        self.core.store.write_in(Lane::Client, "sliding_connection_use", write).await
    }

    /// Deletes connections that have not been used for long.
    #[boxed]
    pub async fn forget_connections(&self) -> Result<()> {
        let before_ms = self.core.now_ms().saturating_sub(SLIDING_UNUSED_MS_MAX);
        let expire = move |tx: &mut WriteTx<'_>| sliding_connections::expire(tx.tx(), before_ms);
        self.core.store.write_in(Lane::Upkeep, "sliding_connections_expire", expire).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use hearth_store::ids::UserSn;

    use super::*;

    fn sent(upto: Option<u64>, limit: usize, pairs: &[(&str, &str)]) -> SentRoom {
        let pairs = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let required = Arc::new(RequiredState::new(pairs, "@me:x"));
        SentRoom { upto: upto.map(Position), limit, required, parts: RECEIPTS | TYPING }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut connection = Connection { has_account_data: true, ..Connection::default() };
        for room in 0..500 {
            let kind = if room % 2 == 0 { "m.room.name" } else { "m.room.topic" };
            let upto = (room % 3 == 0).then_some(0);
            connection
                .rooms
                .insert(RoomSn(room * 1_000 + 7), sent(upto, 20, &[(kind, ""), ("m.room.member", "$LAZY")]));
        }
        let (known, due) = ((1..40).map(UserSn), (40..50).map(UserSn));
        let profiles = SentProfiles { fields: -7, known: known.collect(), due: due.collect() };
        connection.profiles = Some(profiles);
        let bytes = connection.encode().expect("bytes");
        assert_eq!(Connection::decode(&bytes).expect("a connection"), connection);
        assert!(bytes.len() < 500 * 8, "{} bytes for 500 rooms", bytes.len());
        assert!(Connection::decode(&bytes[..bytes.len() - 1]).is_none());
        assert_eq!(Connection::decode(&Connection::default().encode().expect("bytes")), Some(Connection::default()));
    }

    #[test]
    fn too_much_required_state_is_sent_again_and_not_stored() {
        let mut connection = Connection::default();
        for room in 0..2_000 {
            connection.rooms.insert(RoomSn(room), sent(None, 1, &[("m.room.name", &format!("{room:0100}"))]));
        }
        let bytes = connection.encode().expect("bytes");
        assert!(bytes.len() < 2 * SLIDING_CONFIG_BYTES_MAX);
        let read = Connection::decode(&bytes).expect("a connection");
        assert_eq!(read.rooms[&RoomSn(0)], connection.rooms[&RoomSn(0)]);
        assert!(connection.rooms[&RoomSn(1_999)].required.exceeds(&read.rooms[&RoomSn(1_999)].required));
    }
}
