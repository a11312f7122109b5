//! Profile changes.

use std::sync::Arc;

use hearth_base::{Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::profile_changes;
use hearth_store::tables::profiles::{self as table, ProfileRow};
use serde_json::Value;

use super::{ProfileField, Profiles, fields, more};
use crate::personal::wake_neighbours;

impl Profiles {
    /// Sets or removes a field of the requester's profile; `also` runs in the same transaction. The caller updates the
    /// rooms (`Actions::set_profile_field`).
    ///
    /// Refuses with `M_PROFILE_TOO_LARGE` a profile over [`limits::PROFILE_BYTES_MAX`].
    pub async fn set<T: Send + 'static>(
        &self,
        who: &Requester,
        field: ProfileField,
        also: impl FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (core, user) = (self.core.clone(), who.user);
        let write = move |tx: &mut WriteTx<'_>| {
            store(&core, tx, user, field)?;
            also(tx)
        };
        self.core.store.write("profile_set", write).await
    }
}

/// Stores a field, and wakes those who get it by sliding sync. Skips the write if nothing changes.
fn store(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn, field: ProfileField) -> Result<()> {
    let (before, name) = (table::get(tx.tx(), user)?, field.name().to_owned());
    let after = apply(before.clone(), field)?;
    if after == before {
        return Ok(());
    }
    table::set(tx.tx(), user, &after)?;
    let at = tx.position();
    profile_changes::set(tx.tx(), user, &name, at)?;
    wake_neighbours(core, tx, user, at)
}

/// Applies a field to a profile; refuses a result that is too large.
fn apply(mut row: ProfileRow, field: ProfileField) -> Result<ProfileRow> {
    match field {
        ProfileField::DisplayName(name) => row.displayname = name,
        ProfileField::AvatarUrl(url) => row.avatar_url = url,
        ProfileField::Other(name, value) => {
            let mut others = more(row.more.as_deref())?;
            match value {
                Some(value) => _ = others.insert(name, value),
                None => _ = others.remove(&name),
            }
            row.more = (!others.is_empty()).then(|| Value::Object(others).to_string());
        }
    }
    if Value::Object(fields(row.clone())?).to_string().len() > limits::PROFILE_BYTES_MAX {
        let message =
            format!("A profile can have {} bytes at most; remove something first.", limits::PROFILE_BYTES_MAX);
        return Err(refuse(Reason::ProfileTooLarge, message));
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(row: ProfileRow, name: &str, value: Value) -> Result<ProfileRow> {
        apply(row, ProfileField::set(name, Some(value))?)
    }

    #[test]
    fn fields_come_and_go() {
        let row = set(ProfileRow::default(), "displayname", json!("Alice")).expect("name");
        let row = set(row, "m.tz", json!("Europe/Berlin")).expect("zone");
        assert_eq!(
            Value::Object(fields(row.clone()).expect("fields")),
            json!({"displayname": "Alice", "m.tz": "Europe/Berlin"})
        );
        let row = apply(row, ProfileField::removed("m.tz").expect("field")).expect("removed");
        assert_eq!(row, ProfileRow { displayname: Some("Alice".to_owned()), ..ProfileRow::default() });
    }

    #[test]
    fn a_profile_has_an_end() {
        let half = "x".repeat(limits::PROFILE_BYTES_MAX / 2);
        let row = set(ProfileRow::default(), "org.example.a", json!(half)).expect("half fits");
        let error = set(row, "org.example.b", json!(half)).expect_err("the other half does not");
        assert_eq!(error.reason(), Some(Reason::ProfileTooLarge));
    }
}
