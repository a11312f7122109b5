//! User ids and serial numbers, of local and remote users.

use hearth_base::Result;

use crate::WriteTx;
use crate::engine::Tx;
use crate::ids::UserSn;

const FIND: &str = "SELECT sn FROM users WHERE id = ?1";
const NAME: &str = "SELECT id FROM users WHERE sn = ?1";
const INSERT: &str = "INSERT INTO users (sn, id) VALUES (?1, ?2)";

/// Every statement of this file, for the test that prepares them on both engines.
pub const STATEMENTS: &[&str] = &[FIND, NAME, INSERT];

/// The serial number of a user; `None` if the user is unknown.
pub fn find(tx: &mut dyn Tx, id: &str) -> Result<Option<UserSn>> {
    tx.one(FIND, &[id.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// The user id of a serial number.
pub fn name(tx: &mut dyn Tx, sn: UserSn) -> Result<Option<String>> {
    tx.one(NAME, &[sn.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// The user ids of serial numbers, without those that are unknown.
pub fn names(tx: &mut dyn Tx, sns: impl IntoIterator<Item = UserSn>) -> Result<Vec<String>> {
    sns.into_iter().filter_map(|sn| name(tx, sn).transpose()).collect()
}

/// The serial number of a user; assigns one if it has none.
pub fn intern(tx: &mut WriteTx<'_>, id: &str) -> Result<UserSn> {
    if let Some(sn) = find(tx.tx(), id)? {
        return Ok(sn);
    }
    let sn = UserSn::from(tx.position());
    tx.execute(INSERT, &[sn.into(), id.into()])?;
    Ok(sn)
}
