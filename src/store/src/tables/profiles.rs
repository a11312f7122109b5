//! Profiles of local users: one row for each user who has set a field.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::UserSn;

const GET: &str = "SELECT displayname, avatar_url, more FROM profiles WHERE user = ?1";
const SET: &str = "INSERT INTO profiles (user, displayname, avatar_url, more) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (user) DO UPDATE SET displayname = excluded.displayname, avatar_url = excluded.avatar_url, \
     more = excluded.more";
const ERASE: &str = "DELETE FROM profiles WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, SET, ERASE];

/// A profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileRow {
    /// `displayname`.
    pub displayname: Option<String>,
    /// `avatar_url`.
    pub avatar_url: Option<String>,
    /// All other fields as a JSON object; `None` without any.
    pub more: Option<String>,
}

/// A user's profile; empty for users without a row and for remote users.
pub fn get(tx: &mut dyn Tx, user: UserSn) -> Result<ProfileRow> {
    let row = tx.one(GET, &[user.into()], |row| {
        Ok(ProfileRow {
            displayname: row.opt_text(0)?.map(str::to_owned),
            avatar_url: row.opt_text(1)?.map(str::to_owned),
            more: row.opt_text(2)?.map(str::to_owned),
        })
    })?;
    Ok(row.unwrap_or_default())
}

/// Replaces a user's profile.
pub fn set(tx: &mut dyn Tx, user: UserSn, profile: &ProfileRow) -> Result<()> {
    let ProfileRow { displayname, avatar_url, more } = profile;
    let args = [user.into(), displayname.as_deref().into(), avatar_url.as_deref().into(), more.as_deref().into()];
    tx.execute(SET, &args)?;
    Ok(())
}

/// Removes a user's profile.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
