//! Pushers: where notifications of a user are sent (client-server API, "Push Notifications"), and how far that has got.

use hearth_base::{Millis, Position, Result};

use crate::engine::{Row, Tx};
use crate::ids::{DeviceSn, UserSn};

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT p.user, p.app_id, p.pushkey, p.device, p.json, p.enabled, p.set_ms, p.upto, p.badge, \
             p.delivered_ms, p.failing_since_ms, p.error, d.id FROM pushers p LEFT JOIN devices d ON d.sn = p.device ",
            $rest
        )
    };
}

const ALL: &str = columns!("ORDER BY p.user, p.app_id, p.pushkey");
const OF_USER: &str = columns!("WHERE p.user = ?1 ORDER BY p.app_id, p.pushkey");
const ONE: &str = columns!("WHERE p.user = ?1 AND p.app_id = ?2 AND p.pushkey = ?3");
const COUNT: &str = "SELECT count(*) FROM pushers WHERE user = ?1";
const SET: &str = "INSERT INTO pushers (user, app_id, pushkey, device, json, enabled, set_ms, upto) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (user, app_id, pushkey) DO UPDATE SET device = excluded.device, json = excluded.json, \
     enabled = excluded.enabled, set_ms = excluded.set_ms, upto = excluded.upto";
// A row that was set again meanwhile may be ahead.
const PROGRESS: &str = "UPDATE pushers SET upto = CASE WHEN upto < ?4 THEN ?4 ELSE upto END, badge = ?5, \
     delivered_ms = ?6, failing_since_ms = ?7, error = ?8 WHERE user = ?1 AND app_id = ?2 AND pushkey = ?3";
const START: &str = "UPDATE pushers SET upto = ?1 WHERE upto < 0";
const DELETE: &str = "DELETE FROM pushers WHERE user = ?1 AND app_id = ?2 AND pushkey = ?3";
const DELETE_OF_OTHERS: &str = "DELETE FROM pushers WHERE app_id = ?2 AND pushkey = ?3 AND user <> ?1";
const DELETE_OF_DEVICE: &str = "DELETE FROM pushers WHERE device = ?1";
const ERASE: &str = "DELETE FROM pushers WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] =
    &[ALL, OF_USER, ONE, COUNT, SET, PROGRESS, START, DELETE, DELETE_OF_OTHERS, DELETE_OF_DEVICE, ERASE];

/// The key of a pusher.
#[derive(Debug, Clone, Copy)]
pub struct PusherKey<'a> {
    /// Its user.
    pub user: UserSn,
    /// `app_id`.
    pub app_id: &'a str,
    /// `pushkey`.
    pub pushkey: &'a str,
}

/// A pusher as its client sets it.
#[derive(Debug, Clone)]
pub struct NewPusher {
    /// The device that set it.
    pub device: DeviceSn,
    /// The pusher as the client set it, as JSON.
    pub json: String,
    /// Whether it is switched on (MSC3881).
    pub enabled: bool,
    /// When it was set.
    pub set_ms: Millis,
    /// Earlier notifications are not delivered to it.
    pub upto: Position,
}

/// A pusher.
#[derive(Debug, Clone)]
pub struct PusherRow {
    /// Its user.
    pub user: UserSn,
    /// `app_id`.
    pub app_id: String,
    /// `pushkey`.
    pub pushkey: String,
    /// The device that set it.
    pub device: DeviceSn,
    /// The id of that device, if it is one that clients see.
    pub device_id: Option<String>,
    /// The pusher as the client set it, as JSON.
    pub json: String,
    /// Whether it is switched on (MSC3881).
    pub enabled: bool,
    /// When it was last set; 0 if that is unknown.
    pub set_ms: Millis,
    /// How far delivery has got.
    pub progress: PushProgress,
}

impl PusherRow {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> PusherKey<'_> {
        PusherKey { user: self.user, app_id: &self.app_id, pushkey: &self.pushkey }
    }
}

/// How far the delivery to a pusher has got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushProgress {
    /// Up to this position all notifications are delivered.
    pub upto: i64,
    /// The unread count that the gateway was last told.
    pub badge: Option<u64>,
    /// Time of the last success.
    pub delivered_ms: Option<Millis>,
    /// Time of the first failure since then.
    pub failing_since_ms: Option<Millis>,
    /// The last failure since then, for people.
    pub error: Option<String>,
}

fn read(row: &dyn Row) -> Result<PusherRow> {
    let progress = PushProgress {
        upto: row.int(7)?,
        badge: row.opt_int(8)?.map(i64::unsigned_abs),
        delivered_ms: row.opt_int(9)?.map(i64::unsigned_abs),
        failing_since_ms: row.opt_int(10)?.map(i64::unsigned_abs),
        error: row.opt_text(11)?.map(str::to_owned),
    };
    Ok(PusherRow {
        user: UserSn(row.int(0)?),
        app_id: row.text(1)?.to_owned(),
        pushkey: row.text(2)?.to_owned(),
        device: DeviceSn(row.int(3)?),
        json: row.text(4)?.to_owned(),
        enabled: row.int(5)? != 0,
        set_ms: row.int(6)?.unsigned_abs(),
        progress,
        device_id: row.opt_text(12)?.map(str::to_owned),
    })
}

/// The pushers of all users.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<PusherRow>> {
    tx.all(ALL, &[], read)
}

/// All pushers of a user.
pub fn of_user(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<PusherRow>> {
    tx.all(OF_USER, &[user.into()], read)
}

/// One pusher.
pub fn get(tx: &mut dyn Tx, key: PusherKey<'_>) -> Result<Option<PusherRow>> {
    tx.one(ONE, &[key.user.into(), key.app_id.into(), key.pushkey.into()], read)
}

/// How many pushers a user has.
pub fn count(tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[user.into()])?.unwrap_or(0).unsigned_abs())
}

/// Adds or replaces a pusher. One that is replaced keeps what is known of its deliveries.
pub fn set(tx: &mut dyn Tx, key: PusherKey<'_>, pusher: &NewPusher) -> Result<()> {
    let args = [
        key.user.into(),
        key.app_id.into(),
        key.pushkey.into(),
        pusher.device.into(),
        (&pusher.json).into(),
        i64::from(pusher.enabled).into(),
        pusher.set_ms.into(),
        pusher.upto.as_i64().into(),
    ];
    tx.execute(SET, &args)?;
    Ok(())
}

/// Stores how far delivery has got, if the pusher still exists.
pub fn set_progress(tx: &mut dyn Tx, key: PusherKey<'_>, progress: &PushProgress) -> Result<()> {
    let args = [
        key.user.into(),
        key.app_id.into(),
        key.pushkey.into(),
        progress.upto.into(),
        progress.badge.into(),
        progress.delivered_ms.into(),
        progress.failing_since_ms.into(),
        progress.error.as_deref().into(),
    ];
    tx.execute(PROGRESS, &args)?;
    Ok(())
}

/// Lets the pushers from before there was delivery begin at a position.
pub fn start(tx: &mut dyn Tx, at: Position) -> Result<()> {
    tx.execute(START, &[at.as_i64().into()])?;
    Ok(())
}

/// Removes a pusher.
pub fn delete(tx: &mut dyn Tx, key: PusherKey<'_>) -> Result<()> {
    tx.execute(DELETE, &[key.user.into(), key.app_id.into(), key.pushkey.into()])?;
    Ok(())
}

/// Removes other users' pushers for the same app id and pushkey: another user has logged in on that installation.
pub fn delete_of_others(tx: &mut dyn Tx, key: PusherKey<'_>) -> Result<()> {
    tx.execute(DELETE_OF_OTHERS, &[key.user.into(), key.app_id.into(), key.pushkey.into()])?;
    Ok(())
}

/// Removes the pushers that a device has set.
pub fn delete_of_device(tx: &mut dyn Tx, device: DeviceSn) -> Result<()> {
    tx.execute(DELETE_OF_DEVICE, &[device.into()])?;
    Ok(())
}

/// Removes all pushers of a user.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
