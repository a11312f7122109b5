//! Profiles of local users (client-server API, "Profiles"). Remote profiles are not stored here.

mod field;
mod status;
mod write;

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::tables::profiles::{self as table, ProfileRow};
use hearth_store::tables::{accounts, users};
use ruma::UserId;
use serde_json::{Map, Value};

pub use field::ProfileField;

/// The profile use cases.
#[derive(Debug)]
pub struct Profiles {
    core: Arc<RoomCore>,
}

impl Profiles {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }

    /// A user's whole profile by field. `M_NOT_FOUND` for users without a local account.
    #[boxed]
    pub async fn get(&self, user_id: &UserId) -> Result<Map<String, Value>> {
        let id = user_id.to_owned();
        let row = self.core.store.read("profile_get", move |tx| find(tx.tx(), &id)).await?;
        fields(row)
    }

    /// One field of a user's profile. `None` for an unset display name or avatar; `M_NOT_FOUND` for any other unset
    /// field, and for users without a local account.
    #[boxed]
    pub async fn field(&self, user_id: &UserId, name: &str) -> Result<Option<Value>> {
        field::check_name(name)?;
        let value = self.get(user_id).await?.remove(name);
        if value.is_none() && !ProfileField::is_face(name) {
            return Err(Error::not_found(format!("{user_id} has not set {name}.")));
        }
        Ok(value)
    }
}

fn find(tx: &mut dyn Tx, user_id: &UserId) -> Result<ProfileRow> {
    let unknown = || Error::not_found(format!("{user_id} is not known here."));
    let user = users::find(tx, user_id.as_str())?.ok_or_else(unknown)?;
    let account = accounts::get(tx, user)?.ok_or_else(unknown)?;
    if account.deactivated_ms.is_some() {
        return Err(unknown());
    }
    table::get(tx, user)
}

/// Returns the fields of a stored profile.
pub(crate) fn fields(row: ProfileRow) -> Result<Map<String, Value>> {
    let mut fields = more(row.more.as_deref())?;
    for (name, value) in [("displayname", row.displayname), ("avatar_url", row.avatar_url)] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value.into());
        }
    }
    Ok(fields)
}

fn more(json: Option<&str>) -> Result<Map<String, Value>> {
    let read = json.map(serde_json::from_str).transpose();
    Ok(read.map_err(|error| Error::fault("reading a stored profile", error))?.unwrap_or_default())
}
