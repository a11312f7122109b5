//! Device display names.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
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
