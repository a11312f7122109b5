//! Pairs of event type and state key, and their serial numbers.

use hearth_base::Result;

use crate::WriteTx;
use crate::engine::Tx;
use crate::ids::KeySn;

const FIND: &str = "SELECT sn FROM state_keys WHERE type = ?1 AND key = ?2";
const NAME: &str = "SELECT type, key FROM state_keys WHERE sn = ?1";
const INSERT: &str = "INSERT INTO state_keys (sn, type, key) VALUES (?1, ?2, ?3)";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[FIND, NAME, INSERT];

/// The serial number of a pair; `None` if it was never used in any room.
pub fn find(tx: &mut dyn Tx, event_type: &str, state_key: &str) -> Result<Option<KeySn>> {
    tx.one(FIND, &[event_type.into(), state_key.into()], |row| Ok(KeySn(row.int(0)?)))
}

/// The event type and state key behind a serial number.
pub fn name(tx: &mut dyn Tx, sn: KeySn) -> Result<Option<(String, String)>> {
    tx.one(NAME, &[sn.into()], |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
}

/// The serial number of a pair; assigns one if it has none.
pub fn intern(tx: &mut WriteTx<'_>, event_type: &str, state_key: &str) -> Result<KeySn> {
    if let Some(sn) = find(tx.tx(), event_type, state_key)? {
        return Ok(sn);
    }
    let number = tx.position().as_i64();
    let sn = KeySn(if event_type == "m.room.member" { -number } else { number });
    tx.execute(INSERT, &[sn.into(), event_type.into(), state_key.into()])?;
    Ok(sn)
}
