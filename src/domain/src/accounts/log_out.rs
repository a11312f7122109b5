//! Logging out, and deleting devices, which comes to the same: a device lives as long as it is logged in.

use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::{dehydrated, devices};

use super::Accounts;
use super::sessions::Sessions;
use crate::devices::purge;
use crate::{Core, Requester};

impl Accounts {
    /// Ends the session that asks, and deletes its device.
    pub(crate) async fn log_out(&self, requester: &Requester) -> Result<()> {
        let mine = requester.device;
        self.remove(requester.user, move |device| device.sn == mine, |_, _| Ok(())).await
    }

    /// Ends all sessions of a user and deletes all of their devices, but for the dehydrated one: it is not logged in, and takes in
    /// keys for just that time in which no device is. `also` is in the same transaction, and gets how many devices were deleted.
    pub(crate) async fn log_out_everywhere<T: Send + 'static>(
        &self,
        user: UserSn,
        also: impl FnOnce(&mut WriteTx<'_>, u64) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = self.core.store.write("devices_delete_all", move |tx| {
            let ended = end_all_but(&core, &sessions, tx, user, None)?;
            also(tx, ended)
        });
        write.await
    }

    /// Deletes devices of a user by their ids; ids that there are not are passed over.
    pub(crate) async fn delete_devices(&self, user: UserSn, ids: Vec<String>) -> Result<()> {
        if ids.len() > limits::DEVICES_PER_USER_MAX {
            let message = format!("Delete at most {} devices at a time.", limits::DEVICES_PER_USER_MAX);
            return Err(Error::invalid(message));
        }
        let ids: std::collections::HashSet<String> = ids.into_iter().collect();
        self.remove(user, move |device| ids.contains(&device.id), |_, _| Ok(())).await
    }

    async fn remove<F, T: Send + 'static>(
        &self,
        user: UserSn,
        which: F,
        also: impl FnOnce(&mut WriteTx<'_>, u64) -> Result<T> + Send + 'static,
    ) -> Result<T>
    where
        F: Fn(&devices::DeviceRow) -> bool + Send + 'static,
    {
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = self.core.store.write("devices_delete", move |tx| {
            let mut gone = devices::of_user(tx.tx(), user)?;
            gone.retain(|device| which(device));
            end(&core, &sessions, tx, user, &gone)?;
            also(tx, gone.len() as u64)
        });
        write.await
    }
}

/// Ends all devices of a user except one and the dehydrated one, within a larger change. Returns how many it ended.
pub(super) fn end_all_but(
    core: &Arc<Core>,
    sessions: &Arc<Sessions>,
    tx: &mut WriteTx<'_>,
    user: UserSn,
    kept: Option<DeviceSn>,
) -> Result<u64> {
    let dehydrated = dehydrated::get(tx.tx(), user)?.map(|(device, _)| device);
    let mut gone = devices::of_user(tx.tx(), user)?;
    gone.retain(|device| Some(device.sn) != kept && Some(device.sn) != dehydrated);
    end(core, sessions, tx, user, &gone)?;
    Ok(gone.len() as u64)
}

/// Ends all devices of a user, the dehydrated one too, within a larger change.
pub(super) fn end_all(core: &Arc<Core>, sessions: &Arc<Sessions>, tx: &mut WriteTx<'_>, user: UserSn) -> Result<()> {
    let gone = devices::of_user(tx.tx(), user)?;
    end(core, sessions, tx, user, &gone)
}

fn end(
    core: &Arc<Core>,
    sessions: &Arc<Sessions>,
    tx: &mut WriteTx<'_>,
    user: UserSn,
    gone: &[devices::DeviceRow],
) -> Result<()> {
    let access = purge::purge(core, tx, user, gone)?;
    sessions.forget_after(tx, access);
    Ok(())
}
