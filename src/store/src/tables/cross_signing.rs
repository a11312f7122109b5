//! Cross-signing keys of local users.

use hearth_base::Result;

use crate::engine::{Row, Tx, Value};
use crate::ids::UserSn;

const GET: &str = "SELECT public, json FROM cross_signing_keys WHERE owner = ?1 AND kind = ?2";
const OF_USER: &str = "SELECT kind, public, json FROM cross_signing_keys WHERE owner = ?1 ORDER BY kind";
const SET: &str = "INSERT INTO cross_signing_keys (owner, kind, public, json) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (owner, kind) DO UPDATE SET public = excluded.public, json = excluded.json";
const DELETE: &str = "DELETE FROM cross_signing_keys WHERE owner = ?1 AND kind = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, OF_USER, SET, DELETE];

/// The usage of a cross-signing key. The discriminants are stored in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// The master key: signs the other two.
    Master = 1,
    /// The self-signing key: signs the user's own devices.
    SelfSigning = 2,
    /// The user-signing key: signs other users' master keys. Only its owner may see it.
    UserSigning = 3,
}

impl KeyKind {
    /// The value in `usage`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::SelfSigning => "self_signing",
            Self::UserSigning => "user_signing",
        }
    }

    fn from_int(value: i64) -> Option<Self> {
        [Self::Master, Self::SelfSigning, Self::UserSigning].into_iter().find(|kind| *kind as i64 == value)
    }
}

/// A stored cross-signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossSigningRow {
    /// The public key in unpadded base64.
    pub public: String,
    /// The key object as uploaded, as JSON.
    pub json: String,
}

fn read(row: &dyn Row, from: usize) -> Result<CrossSigningRow> {
    Ok(CrossSigningRow { public: row.text(from)?.to_owned(), json: row.text(from + 1)?.to_owned() })
}

/// One key of a user.
pub fn get(tx: &mut dyn Tx, owner: UserSn, kind: KeyKind) -> Result<Option<CrossSigningRow>> {
    tx.one(GET, &[owner.into(), Value::Int(kind as i64)], |row| read(row, 0))
}

/// All keys of a user.
pub fn of_user(tx: &mut dyn Tx, owner: UserSn) -> Result<Vec<(KeyKind, CrossSigningRow)>> {
    let found = tx.all(OF_USER, &[owner.into()], |row| Ok((KeyKind::from_int(row.int(0)?), read(row, 1)?)))?;
    Ok(found.into_iter().filter_map(|(kind, row)| Some((kind?, row))).collect())
}

/// Sets a key of a user.
pub fn set(tx: &mut dyn Tx, owner: UserSn, kind: KeyKind, row: &CrossSigningRow) -> Result<()> {
    tx.execute(SET, &[owner.into(), Value::Int(kind as i64), (&row.public).into(), (&row.json).into()])?;
    Ok(())
}

/// Removes a key of a user.
pub fn delete(tx: &mut dyn Tx, owner: UserSn, kind: KeyKind) -> Result<()> {
    tx.execute(DELETE, &[owner.into(), Value::Int(kind as i64)])?;
    Ok(())
}
