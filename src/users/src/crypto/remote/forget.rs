//! Deletes device lists of remote users who share no room with local users.

use hearth_base::boxed;
use hearth_base::limits::users::{FORGET_FORGOTTEN_AT_ONCE_MAX, OLD_IDS_PER_WRITE_MAX};
use hearth_base::{Millis, Result, limits};
use hearth_store::tables::cross_signing::{self, KeyKind};
use hearth_store::tables::{device_keys, remote_devices};
use hearth_store::{Lane, ReadTx, WriteTx};

use crate::crypto::Crypto;

impl Crypto {
    /// Deletes device lists of users who are in no room any more, and old IDs of to-device messages from other servers.
    #[boxed]
    pub async fn forget_remote(&self) -> Result<()> {
        let (store, now_ms) = (&self.core.store, self.core.now_ms());
        let before_ms = now_ms.saturating_sub(limits::RECEIVED_MESSAGE_MS_MAX);
        // Most runs find nothing: read first, so that they need no write.
        self.forget_received(before_ms).await?;
        let gone = store.read("device_lists_unshared", |tx| remote_devices::unshared(tx.tx(), 1)).await?;
        if !gone.is_empty() {
            store.write_in(Lane::Upkeep, "device_lists_forget", forget).await?;
        }
        Ok(())
    }
}

impl Crypto {
    /// Deletes old IDs of to-device messages. Other servers determine how many there are, so a reader looks for them
    /// and the writer deletes some at a time.
    async fn forget_received(&self, before_ms: Millis) -> Result<()> {
        let (store, mut after) = (&self.core.store, i64::MIN);
        loop {
            let read = move |tx: &mut ReadTx<'_>| {
                remote_devices::old_received(tx.tx(), after, before_ms, OLD_IDS_PER_WRITE_MAX)
            };
            let old = store.read_slow("received_messages_old", read).await?;
            let Some(last) = old.last() else { return Ok(()) };
            after = *last;
            let prune = move |tx: &mut WriteTx<'_>| remote_devices::forget_received(tx.tx(), &old);
            store.write_in(Lane::Upkeep, "received_messages_prune", prune).await?;
        }
    }
}

fn forget(tx: &mut WriteTx<'_>) -> Result<()> {
    for owner in remote_devices::unshared(tx.tx(), FORGET_FORGOTTEN_AT_ONCE_MAX)? {
        remote_devices::forget(tx.tx(), owner)?;
        for kind in [KeyKind::Master, KeyKind::SelfSigning] {
            if let Some(row) = cross_signing::get(tx.tx(), owner, kind)? {
                device_keys::delete_signatures(tx.tx(), owner, &row.public)?;
                cross_signing::delete(tx.tx(), owner, kind)?;
            }
        }
    }
    Ok(())
}
