//! To-device messages (client-server API, "Send-to-Device messaging"). A message is deleted when the client proves that
//! it received it by syncing from a later position, not when it is first sent: the response may be lost.

use hearth_base::{Position, Result};

use crate::engine::Tx;
use crate::hash::hash64;
use crate::ids::DeviceSn;

const FIRST: &str =
    "SELECT position, seq, bytes_upto - bytes FROM to_device WHERE device = ?1 ORDER BY position LIMIT 1";
const LAST: &str = "SELECT seq, bytes_upto FROM to_device WHERE device = ?1 ORDER BY position DESC LIMIT 1";
// `json` is the last column, so that SQLite can sum an inbox without reading overflow pages.
const USAGE: &str = "SELECT CAST(COALESCE(SUM(bytes), 0) AS INTEGER), \
     CAST(COALESCE(SUM(CASE WHEN sender = ?2 THEN bytes ELSE 0 END), 0) AS INTEGER), \
     CAST(COALESCE(SUM(CASE WHEN sender = ?2 THEN 1 ELSE 0 END), 0) AS INTEGER), \
     CAST(COALESCE(SUM(CASE WHEN stranger = 1 THEN bytes ELSE 0 END), 0) AS INTEGER) \
     FROM to_device WHERE device = ?1";
const INSERT: &str = "INSERT INTO to_device (device, position, sender, stranger, bytes, seq, bytes_upto, json) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const BATCH: &str = "SELECT position, json FROM to_device WHERE device = ?1 AND position > ?2 AND position <= ?3 \
     ORDER BY position LIMIT ?4";
const DELETE: &str = "DELETE FROM to_device WHERE device = ?1 AND position <= ?2";
const CLEAR: &str = "DELETE FROM to_device WHERE device = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[FIRST, LAST, USAGE, INSERT, BATCH, DELETE, CLEAR];

/// The account to which a message counts in the recipient's inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxShare {
    /// A hash of the sender, or of the server if it shares no room with the recipient.
    pub sender: i64,
    /// Whether the server shares no room with the recipient.
    pub is_stranger: bool,
}

impl InboxShare {
    /// The share of a local user, or of a user who shares a room with the recipient.
    #[must_use]
    pub fn of_user(user_id: &str) -> Self {
        Self { sender: hash64(&[b"user", user_id.as_bytes()]), is_stranger: false }
    }

    /// The share of a server that shares no room with the recipient.
    #[must_use]
    pub fn of_stranger(server: &str) -> Self {
        Self { sender: hash64(&[b"server", server.as_bytes()]), is_stranger: true }
    }
}

/// How full an inbox is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InboxUsage {
    /// Bytes of all messages.
    pub bytes: u64,
    /// Bytes of one share.
    pub sender_bytes: u64,
    /// Messages of that share.
    pub sender_messages: u64,
    /// Bytes of all servers that share no room with the recipient.
    pub stranger_bytes: u64,
}

/// Number and bytes of a device's waiting messages. Reads two rows, however many messages wait.
pub fn fill(tx: &mut dyn Tx, device: DeviceSn) -> Result<(u64, u64)> {
    let Some((last_seq, bytes_upto)) = last(tx, device)? else { return Ok((0, 0)) };
    let first = tx.one(FIRST, &[device.into()], |row| Ok((row.int(1)?, row.int(2)?)))?;
    let (first_seq, bytes_before) = first.unwrap_or((last_seq, bytes_upto));
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok((number(last_seq - first_seq + 1), number(bytes_upto - bytes_before)))
}

fn last(tx: &mut dyn Tx, device: DeviceSn) -> Result<Option<(i64, i64)>> {
    tx.one(LAST, &[device.into()], |row| Ok((row.int(0)?, row.int(1)?)))
}

/// How full a device's inbox is, and how much of it counts to `sender` (see [`InboxShare`]). Reads every row of the
/// inbox.
pub fn usage(tx: &mut dyn Tx, device: DeviceSn, sender: i64) -> Result<InboxUsage> {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let usage = tx.one(USAGE, &[device.into(), sender.into()], |row| {
        Ok(InboxUsage {
            bytes: number(row.int(0)?),
            sender_bytes: number(row.int(1)?),
            sender_messages: number(row.int(2)?),
            stranger_bytes: number(row.int(3)?),
        })
    })?;
    Ok(usage.unwrap_or_default())
}

/// Adds a message. `at` must be greater than that of every message the device has.
pub fn insert(tx: &mut dyn Tx, device: DeviceSn, at: Position, json: &str, share: InboxShare) -> Result<()> {
    let bytes = i64::try_from(json.len()).unwrap_or(i64::MAX);
    let (stranger, (seq, bytes_before)) = (i64::from(share.is_stranger), last(tx, device)?.unwrap_or_default());
    let (seq, bytes_upto) = (seq + 1, bytes_before + bytes);
    let share = [share.sender.into(), stranger.into(), bytes.into(), seq.into(), bytes_upto.into()];
    let [sender, stranger, bytes, seq, bytes_upto] = share;
    let row = [device.into(), at.into(), sender, stranger, bytes, seq, bytes_upto, json.into()];
    tx.execute(INSERT, &row)?;
    Ok(())
}

/// The first `limit` messages in `(after, upto]`, oldest first, as JSON with `type`, `sender`, `content`.
///
/// If it returns `limit` messages there may be more. The sync must then not claim a position after the last of them.
pub fn batch(
    tx: &mut dyn Tx,
    device: DeviceSn,
    after: Position,
    upto: Position,
    limit: usize,
) -> Result<Vec<(Position, String)>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.all(BATCH, &[device.into(), after.into(), upto.into(), limit.into()], |row| {
        Ok((Position::from_i64(row.int(0)?), row.text(1)?.to_owned()))
    })
}

/// Whether a message waits up to `upto`, so that [`delete_upto`] has something to do.
pub fn any_upto(tx: &mut dyn Tx, device: DeviceSn, upto: Position) -> Result<bool> {
    let first = tx.one(FIRST, &[device.into()], |row| row.int(0))?;
    Ok(first.is_some_and(|first| first <= upto.as_i64()))
}

/// Deletes the messages that the client has received. Returns how many. Call [`any_upto`] first, in the read
/// transaction of the sync: most syncs have nothing to delete and then need no write.
pub fn delete_upto(tx: &mut dyn Tx, device: DeviceSn, upto: Position) -> Result<u64> {
    tx.execute(DELETE, &[device.into(), upto.into()])
}

/// Deletes all messages of a device.
pub fn clear(tx: &mut dyn Tx, device: DeviceSn) -> Result<()> {
    tx.execute(CLEAR, &[device.into()])?;
    Ok(())
}
