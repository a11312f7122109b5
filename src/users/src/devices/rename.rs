//! Device display names.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_store::ids::UserSn;
use hearth_store::tables::{device_keys, devices};

use super::{Devices, list};
use crate::crypto::announce::{self, Changed};

/// Refuses a device name that is too long or cannot be stored.
pub fn check_name(name: &str) -> Result<()> {
    if name.len() > limits::DEVICE_NAME_BYTES_MAX {
        let message = format!("A device's name can have {} bytes at most.", limits::DEVICE_NAME_BYTES_MAX);
        return Err(Error::invalid(message));
    }
    if name.contains('\0') {
        return Err(Error::invalid("A NUL character is not allowed in a device's name."));
    }
    Ok(())
}

impl Devices {
    /// Creates a device without a token, for an application service (MSC4190). Returns whether it was new; an existing
    /// one stays as it is.
    ///
    /// `M_INVALID_PARAM` for an id or a name that is too long, `M_USER_LIMIT_EXCEEDED` for a user with many devices.
    #[boxed]
    pub async fn create(&self, who: &Requester, id: &str, name: Option<String>) -> Result<bool> {
        name.as_deref().map_or(Ok(()), check_name)?;
        if id.is_empty() || id.len() > limits::ID_BYTES_MAX || id.contains('\0') {
            return Err(Error::invalid(format!("A device id has 1 to {} bytes.", limits::ID_BYTES_MAX)));
        }
        let (core, user, id) = (Arc::clone(&self.core), who.user, id.to_owned());
        let write = self.core.store.write("device_create", move |tx| {
            if devices::find(tx.tx(), user, &id)?.is_some() {
                return Ok(false);
            }
            Quota::Devices.check(&core.config.quotas, tx.tx(), user, 1)?;
            devices::insert(tx, user, &id, name.as_deref(), core.now_ms())?;
            Ok(true)
        });
        write.await
    }

    /// Sets a device's display name. `M_NOT_FOUND` for an unknown device.
    #[boxed]
    pub async fn rename(&self, user: UserSn, id: &str, name: Option<String>) -> Result<()> {
        name.as_deref().map_or(Ok(()), check_name)?;
        let (core, id) = (Arc::clone(&self.core), id.to_owned());
        let write = self.core.store.write("device_rename", move |tx| {
            let device = devices::find(tx.tx(), user, &id)?.ok_or_else(list::unknown)?;
            let Some(name) = name.filter(|name| device.name.as_ref() != Some(name)) else { return Ok(()) };
            devices::rename(tx.tx(), device.sn, Some(&name))?;
            // Other users see the name of a device that has keys.
            if device_keys::get(tx.tx(), user, device.sn)?.is_none() {
                return Ok(());
            }
            match core.config.federation.share_device_names {
                true => announce::announce(&core, tx, user, Changed::Devices(&[id])),
                false => announce::note(&core, tx, user),
            }
        });
        write.await
    }
}
