//! Logout and device deletion. They are the same operation: a device lives as long as its session.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::{dehydrated, devices};

use super::Accounts;
use super::sessions::Sessions;
use crate::devices::purge;

impl Accounts {
    /// Ends the requester's session and deletes its device.
    #[boxed]
    pub async fn log_out(&self, requester: &Requester) -> Result<()> {
        let mine = requester.device;
        self.remove(requester.user, move |device| device.sn == mine, |_, _| Ok(())).await
    }

    /// Ends all sessions of a user and deletes their devices, except the dehydrated one: it has no session, and
    /// receives room keys while no other device is logged in. `also` runs in the same transaction with the number of
    /// deleted devices.
    pub async fn log_out_everywhere<T: Send + 'static>(
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

    /// Deletes devices of a user by ID; ignores unknown IDs.
    #[boxed]
    pub async fn delete_devices(&self, user: UserSn, ids: Vec<String>) -> Result<()> {
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

/// Deletes all devices of a user except one and the dehydrated one, in the caller's transaction. Returns how many it
/// deleted.
pub(super) fn end_all_but(
    core: &Arc<RoomCore>,
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

/// Deletes all devices of a user, including the dehydrated one, in the caller's transaction.
pub(super) fn end_all(
    core: &Arc<RoomCore>,
    sessions: &Arc<Sessions>,
    tx: &mut WriteTx<'_>,
    user: UserSn,
) -> Result<()> {
    let gone = devices::of_user(tx.tx(), user)?;
    end(core, sessions, tx, user, &gone)
}

/// Deletes devices of a user and ends their sessions, in the caller's transaction.
pub(super) fn end(
    core: &Arc<RoomCore>,
    sessions: &Arc<Sessions>,
    tx: &mut WriteTx<'_>,
    user: UserSn,
    gone: &[devices::DeviceRow],
) -> Result<()> {
    let access = purge::purge(core, tx, user, gone)?;
    sessions.forget_after(tx, access);
    Ok(())
}
