//! Application services: how far each has received the streams of its interest, the transaction under way, and the
//! registrations that were added while the server ran.

use hearth_base::{Millis, Position, Result};

use crate::engine::{Row, Tx};
use crate::ids::{DeviceSn, EventSn, RoomSn, UserSn};
use crate::tables::accounts::AccountKind;
use crate::tables::memberships::Membership;

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, sent, txn, txn_upto, txn_to_device, disabled, succeeded_ms, registration FROM appservices ",
            $rest
        )
    };
}

const ALL: &str = columns!("ORDER BY id");
const GET: &str = columns!("WHERE id = ?1");
const INSERT: &str = "INSERT INTO appservices (id, sent, txn, disabled) VALUES (?1, ?2, 0, 0) ON CONFLICT DO NOTHING";
const SET_REGISTRATION: &str = "UPDATE appservices SET registration = ?2 WHERE id = ?1";
const SET_DISABLED: &str = "UPDATE appservices SET disabled = ?2 WHERE id = ?1";
const DELETE: &str = "DELETE FROM appservices WHERE id = ?1";
const BEGIN: &str = "UPDATE appservices SET txn = ?2, txn_upto = ?3, txn_to_device = ?4 WHERE id = ?1";
const SETTLE: &str = "UPDATE appservices SET sent = ?2, txn_upto = NULL, txn_to_device = NULL, succeeded_ms = ?3 \
     WHERE id = ?1";
const ADVANCE: &str = "UPDATE appservices SET sent = ?2 WHERE id = ?1 AND txn_upto IS NULL AND sent < ?2";
// An outlier counts if it is a local user's membership: an invite to a room that this server is not in.
const EVENTS: &str = "SELECT sn, sn FROM events WHERE sn > ?1 AND sn <= ?2 AND \
     (ord = sn OR (ord IS NULL AND flags = 8 AND state_key < 0 AND EXISTS \
     (SELECT 1 FROM state_keys k JOIN users u ON u.id = k.key JOIN memberships m ON m.room = events.room AND \
     m.user = u.sn WHERE k.sn = events.state_key AND m.event = events.sn AND m.local = 1))) \
     ORDER BY sn LIMIT ?3";
const PLACED: &str = "SELECT ord, sn FROM events WHERE ord > sn AND ord > ?1 AND ord <= ?2 ORDER BY ord LIMIT ?3";
const COUNT: &str = "SELECT count(*) FROM (SELECT sn FROM events WHERE sn > ?1 AND ord = sn LIMIT ?2) found";
const MOVES: &str = "SELECT position, room, member, was, now FROM membership_moves \
     WHERE position > ?1 AND position <= ?2 ORDER BY position";
const LOCAL_USERS: &str = "SELECT u.sn, u.id FROM accounts a JOIN users u ON u.sn = a.sn";
const MAIL: &str = "SELECT d.sn, u.id, d.id, a.kind FROM devices d JOIN users u ON u.sn = d.account \
     JOIN accounts a ON a.sn = d.account WHERE EXISTS (SELECT 1 FROM to_device t WHERE t.device = d.sn) ORDER BY d.sn";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    ALL,
    GET,
    INSERT,
    SET_REGISTRATION,
    SET_DISABLED,
    DELETE,
    BEGIN,
    SETTLE,
    ADVANCE,
    EVENTS,
    PLACED,
    COUNT,
    MOVES,
    LOCAL_USERS,
    MAIL,
];

/// One application service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppserviceRow {
    /// The id of its registration.
    pub id: String,
    /// It has received everything up to this position.
    pub sent: Position,
    /// The number of the last transaction.
    pub txn: u64,
    /// The end of the transaction under way.
    pub under_way: Option<TransactionEnd>,
    /// Whether an administrator has stopped deliveries.
    pub disabled: bool,
    /// When it last accepted a transaction, in milliseconds since the epoch.
    pub succeeded_ms: Option<Millis>,
    /// Its registration as YAML, if it was added while the server ran.
    pub registration: Option<String>,
}

/// The upper bounds of a transaction. With the same bounds, the same transaction is built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionEnd {
    /// Of everything but messages to devices.
    pub upto: Position,
    /// Of messages to devices, which are deleted when they are delivered, so they have no lower bound.
    pub to_device: Position,
}

/// A membership change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveRow {
    /// When.
    pub at: Position,
    /// The room.
    pub room: RoomSn,
    /// The user.
    pub member: UserSn,
    /// The membership before.
    pub before: Membership,
    /// The membership after.
    pub now: Membership,
}

/// A device that messages wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceWithMail {
    /// Its serial number.
    pub device: DeviceSn,
    /// Its user.
    pub user_id: String,
    /// Its id.
    pub device_id: String,
    /// What its user's account is.
    pub kind: AccountKind,
}

fn read(row: &dyn Row) -> Result<AppserviceRow> {
    let position = |value: Option<i64>| value.map(Position::from_i64);
    let (upto, to_device) = (position(row.opt_int(3)?), position(row.opt_int(4)?));
    Ok(AppserviceRow {
        id: row.text(0)?.to_owned(),
        sent: Position::from_i64(row.int(1)?),
        txn: row.int(2)?.unsigned_abs(),
        under_way: upto.zip(to_device).map(|(upto, to_device)| TransactionEnd { upto, to_device }),
        disabled: row.int(5)? != 0,
        succeeded_ms: row.opt_int(6)?.map(i64::unsigned_abs),
        registration: row.opt_text(7)?.map(str::to_owned),
    })
}

/// All application services, also those whose registration is gone.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<AppserviceRow>> {
    tx.all(ALL, &[], read)
}

/// The application service of an id.
pub fn get(tx: &mut dyn Tx, id: &str) -> Result<Option<AppserviceRow>> {
    tx.one(GET, &[id.into()], read)
}

/// Adds an application service that is to receive what comes after `sent`; does nothing if it exists.
pub fn insert(tx: &mut dyn Tx, id: &str, sent: Position) -> Result<()> {
    tx.execute(INSERT, &[id.into(), sent.into()])?;
    Ok(())
}

/// Stores or removes a registration that was added while the server ran.
pub fn set_registration(tx: &mut dyn Tx, id: &str, yaml: Option<&str>) -> Result<()> {
    tx.execute(SET_REGISTRATION, &[id.into(), yaml.into()])?;
    Ok(())
}

/// Stops or resumes deliveries.
pub fn set_disabled(tx: &mut dyn Tx, id: &str, disabled: bool) -> Result<()> {
    tx.execute(SET_DISABLED, &[id.into(), disabled.into()])?;
    Ok(())
}

/// Forgets an application service.
pub fn delete(tx: &mut dyn Tx, id: &str) -> Result<()> {
    tx.execute(DELETE, &[id.into()])?;
    Ok(())
}

/// Records a transaction before it is sent for the first time.
pub fn begin(tx: &mut dyn Tx, id: &str, txn: u64, end: TransactionEnd) -> Result<()> {
    tx.execute(BEGIN, &[id.into(), txn.into(), end.upto.into(), end.to_device.into()])?;
    Ok(())
}

/// Records that the transaction under way was accepted.
pub fn settle(tx: &mut dyn Tx, id: &str, sent: Position, now_ms: Millis) -> Result<()> {
    tx.execute(SETTLE, &[id.into(), sent.into(), now_ms.into()])?;
    Ok(())
}

/// Records that nothing up to a position is of interest; does nothing while a transaction is under way.
pub fn advance(tx: &mut dyn Tx, id: &str, sent: Position) -> Result<()> {
    tx.execute(ADVANCE, &[id.into(), sent.into()])?;
    Ok(())
}

/// The first `limit` events that arrived in `(after, upto]`, with the position at which they did, oldest first. Events
/// that were fetched later as history are not among them.
pub fn events(tx: &mut dyn Tx, after: Position, upto: Position, limit: u64) -> Result<Vec<(Position, EventSn)>> {
    let args = [after.into(), upto.into(), limit.into()];
    let mut found = tx.all(EVENTS, &args, |row| Ok((Position::from_i64(row.int(0)?), EventSn(row.int(1)?))))?;
    // Rare, and so a list of its own: the index has no row for other events.
    found.extend(tx.all(PLACED, &args, |row| Ok((Position::from_i64(row.int(0)?), EventSn(row.int(1)?))))?);
    found.sort_unstable();
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// How many events of all rooms arrived after a position, at most `limit`.
pub fn count_after(tx: &mut dyn Tx, after: Position, limit: u64) -> Result<u64> {
    Ok(tx.int(COUNT, &[after.into(), limit.into()])?.unwrap_or(0).unsigned_abs())
}

/// All membership changes in `(after, upto]`, oldest first.
pub fn moves(tx: &mut dyn Tx, after: Position, upto: Position) -> Result<Vec<MoveRow>> {
    tx.all(MOVES, &[after.into(), upto.into()], |row| {
        Ok(MoveRow {
            at: Position::from_i64(row.int(0)?),
            room: RoomSn(row.int(1)?),
            member: UserSn(row.int(2)?),
            before: Membership::from_int(row.int(3)?),
            now: Membership::from_int(row.int(4)?),
        })
    })
}

/// Visits all users with an account.
pub fn local_users(tx: &mut dyn Tx, each: &mut dyn FnMut(UserSn, &str)) -> Result<()> {
    tx.query(LOCAL_USERS, &[], &mut |row| {
        each(UserSn(row.int(0)?), row.text(1)?);
        Ok(true)
    })
}

/// All devices that messages wait for. Reads each device of the server.
pub fn devices_with_mail(tx: &mut dyn Tx) -> Result<Vec<DeviceWithMail>> {
    tx.all(MAIL, &[], |row| {
        Ok(DeviceWithMail {
            device: DeviceSn(row.int(0)?),
            user_id: row.text(1)?.to_owned(),
            device_id: row.text(2)?.to_owned(),
            kind: AccountKind::from_int(row.int(3)?),
        })
    })
}
