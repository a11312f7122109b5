//! Remote servers that this server sends to: serial numbers and the status of sending.
//!
//! The stored status may be up to a minute older than the one in memory. After a crash, retries happen earlier than
//! they otherwise would.

use hearth_base::{Millis, Result};

use crate::WriteTx;
use crate::engine::{Row, Tx};
use crate::ids::DestinationSn;

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT sn, name, failures, failing_since_ms, retry_at_ms, last_success_ms, reason, given_up, \
             given_up_at_ms, given_up_reason FROM destinations ",
            $rest
        )
    };
}

const FIND: &str = "SELECT sn FROM destinations WHERE name = ?1";
const ONE: &str = columns!("WHERE name = ?1");
const BY_SN: &str = columns!("WHERE sn = ?1");
const FAILING: &str = columns!("WHERE failures > 0");
const LIST: &str = columns!("WHERE name > ?1 ORDER BY name LIMIT ?2");
const INSERT: &str = "INSERT INTO destinations (sn, name, failures) VALUES (?1, ?2, 0)";
const SAVE: &str = "UPDATE destinations SET failures = ?2, failing_since_ms = ?3, retry_at_ms = ?4, last_success_ms = \
     ?5, reason = ?6, given_up = ?7, given_up_at_ms = ?8, given_up_reason = ?9 WHERE sn = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[FIND, ONE, BY_SN, FAILING, LIST, INSERT, SAVE];

/// The status of sending to a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationHealth {
    /// Failed attempts since the last success.
    pub failures: u32,
    /// When the first of them failed, in milliseconds since the epoch.
    pub failing_since_ms: Option<Millis>,
    /// When the next attempt is due, in milliseconds since the epoch. A request from the server makes it due at once.
    pub retry_at_ms: Option<Millis>,
    /// When an attempt last succeeded, in milliseconds since the epoch; may be up to an hour old.
    pub last_success_ms: Option<Millis>,
    /// Why the last attempt failed, for administrators.
    pub reason: Option<String>,
    /// What it never gets.
    pub given_up: GivenUp,
}

/// To-device messages that a server never gets: they expired, or its queue was full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// How many EDUs, since the first contact with the server.
    pub count: u64,
    /// When the last one was given up, in milliseconds since the epoch.
    pub at_ms: Option<Millis>,
    /// Why, for administrators.
    pub reason: Option<String>,
}

/// A server with its name.
#[derive(Debug, Clone)]
pub struct DestinationRow {
    /// Its serial number.
    pub sn: DestinationSn,
    /// Its server name.
    pub name: String,
    /// The status of sending.
    pub health: DestinationHealth,
}

fn read(row: &dyn Row) -> Result<DestinationRow> {
    let ms = |column| Ok::<_, hearth_base::Error>(row.opt_int(column)?.map(i64::unsigned_abs));
    Ok(DestinationRow {
        sn: DestinationSn(row.int(0)?),
        name: row.text(1)?.to_owned(),
        health: DestinationHealth {
            failures: u32::try_from(row.int(2)?).unwrap_or(u32::MAX),
            failing_since_ms: ms(3)?,
            retry_at_ms: ms(4)?,
            last_success_ms: ms(5)?,
            reason: row.opt_text(6)?.map(str::to_owned),
            given_up: GivenUp {
                count: row.int(7)?.unsigned_abs(),
                at_ms: ms(8)?,
                reason: row.opt_text(9)?.map(str::to_owned),
            },
        },
    })
}

/// The serial number of a server; assigns one if it has none.
pub fn intern(tx: &mut WriteTx<'_>, name: &str) -> Result<DestinationSn> {
    if let Some(sn) = tx.tx().int(FIND, &[name.into()])? {
        return Ok(DestinationSn(sn));
    }
    let sn = DestinationSn::from(tx.position());
    tx.execute(INSERT, &[sn.into(), name.into()])?;
    Ok(sn)
}

/// A server by its name.
pub fn by_name(tx: &mut dyn Tx, name: &str) -> Result<Option<DestinationRow>> {
    tx.one(ONE, &[name.into()], read)
}

/// A server by its serial number.
pub fn by_sn(tx: &mut dyn Tx, sn: DestinationSn) -> Result<Option<DestinationRow>> {
    tx.one(BY_SN, &[sn.into()], read)
}

/// Servers whose last attempt failed.
pub fn failing(tx: &mut dyn Tx) -> Result<Vec<DestinationRow>> {
    tx.all(FAILING, &[], read)
}

/// Servers sorted by name, after `after`.
pub fn list(tx: &mut dyn Tx, after: &str, limit: u64) -> Result<Vec<DestinationRow>> {
    tx.all(LIST, &[after.into(), limit.into()], read)
}

/// Stores the status of sending.
pub fn save(tx: &mut dyn Tx, sn: DestinationSn, health: &DestinationHealth) -> Result<()> {
    let DestinationHealth { failures, failing_since_ms, retry_at_ms, last_success_ms, reason, given_up } = health;
    let (since, retry, success) = (failing_since_ms.as_ref(), retry_at_ms.as_ref(), last_success_ms.as_ref());
    let args = [
        sn.into(),
        i64::from(*failures).into(),
        since.copied().into(),
        retry.copied().into(),
        success.copied().into(),
        reason.as_ref().into(),
        given_up.count.into(),
        given_up.at_ms.into(),
        given_up.reason.as_ref().into(),
    ];
    tx.execute(SAVE, &args)?;
    Ok(())
}
