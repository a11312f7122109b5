//! One question about device lists to a server at a time: the clients of a house all ask about the same people when somebody
//! gets a new device, and the first answer serves them all.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::OwnedMutexGuard;

/// The servers that are being asked.
#[derive(Debug, Default)]
pub(in crate::federation) struct Turns(Mutex<HashMap<OwnedServerName, Arc<tokio::sync::Mutex<()>>>>);

/// The turn of one who asks; the next begins when it is dropped.
pub(super) struct Turn {
    _guard: OwnedMutexGuard<()>,
    /// Whether others asked in the meantime, so that what is to be asked may be known by now.
    pub(super) waited: bool,
}

impl Turns {
    pub(super) async fn take(&self, server: &ServerName) -> Turn {
        let turn = {
            let mut turns = self.0.lock();
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(server.to_owned()).or_default().clone()
        };
        match turn.clone().try_lock_owned() {
            Ok(guard) => Turn { _guard: guard, waited: false },
            Err(_) => Turn { _guard: turn.lock_owned().await, waited: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_after_the_other_and_nothing_is_left_behind() {
        let (turns, server) = (Turns::default(), ruma::server_name!("a.example"));
        let first = turns.take(server).await;
        assert!(!first.waited && !turns.take(ruma::server_name!("b.example")).await.waited);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), turns.take(server)).await;
        assert!(waits.is_err(), "it is not their turn yet");
        let (next, ()) = tokio::join!(turns.take(server), async { drop(first) });
        assert!(next.waited);
        drop(next);
        turns.take(ruma::server_name!("c.example")).await;
        assert_eq!(turns.0.lock().len(), 1);
    }
}
