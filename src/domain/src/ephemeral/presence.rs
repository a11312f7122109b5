//! Who is there (client-server API, "Presence"). In memory: after a restart everybody is offline until they sync again.
//!
//! Nothing ticks while nobody is online; one timer runs while somebody is. Wakes go out only when a state changes, not for
//! every sign of life, so a room of fifty does not wake itself all day.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Position, Result};
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships;
use parking_lot::Mutex;
use ruma::events::presence::{PresenceEvent, PresenceEventContent};
use ruma::presence::PresenceState;
use ruma::{OwnedUserId, UInt};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::Core;

/// A user whose last sync ended this long ago is offline.
const OFFLINE_AFTER: Duration = Duration::from_secs(40);
/// A user who did nothing but sync for this long is away.
const IDLE_AFTER: Duration = Duration::from_secs(5 * 60);
/// How often overdue changes are looked for, while anybody is there.
const LOOK_EVERY: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
struct Entry {
    user_id: OwnedUserId,
    state: PresenceState,
    status: Option<String>,
    /// The user did something.
    active: Instant,
    /// The user's client was heard of.
    seen: Instant,
    changed: Position,
}

/// Everybody's presence.
#[derive(Debug)]
pub struct PresenceBook {
    pub(super) core: Arc<Core>,
    users: Mutex<HashMap<UserSn, Entry>>,
    somebody: Notify,
}

impl PresenceBook {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self { core, users: Mutex::default(), somebody: Notify::new() })
    }

    /// Whether presence is switched on.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.core.config.presence.enabled
    }

    /// A client of this user syncs, asking to be shown in this state.
    pub async fn seen(self: &Arc<Self>, user: UserSn, user_id: &OwnedUserId, state: &PresenceState) -> Result<()> {
        if !self.enabled() || *state == PresenceState::Offline {
            return Ok(());
        }
        let now = Instant::now();
        {
            let mut users = self.users.lock();
            if let Some(entry) = users.get_mut(&user) {
                entry.seen = now;
                // What the user said explicitly stands; a sync only brings back those who were gone.
                if entry.state != PresenceState::Offline {
                    return Ok(());
                }
            }
        }
        let status = self.users.lock().get(&user).and_then(|entry| entry.status.clone());
        self.set(user, user_id, state.clone(), status).await
    }

    /// The user did something: sent a message, set a state.
    pub fn active(&self, user: UserSn) {
        if let Some(entry) = self.users.lock().get_mut(&user) {
            entry.active = Instant::now();
        }
    }

    /// Sets a user's state and status message, and tells everybody who shares a room with them.
    pub async fn set(self: &Arc<Self>, user: UserSn, user_id: &OwnedUserId, state: PresenceState, status: Option<String>) -> Result<()> {
        if !self.enabled() {
            return Ok(());
        }
        let (this, user_id) = (self.clone(), user_id.clone());
        let change = move |tx: &mut WriteTx<'_>| {
            let at = tx.position();
            let mut concerned = memberships::local_neighbours(tx.tx(), user)?;
            concerned.push(user);
            tx.after_commit(move || {
                let now = Instant::now();
                let entry = Entry { user_id, state, status, active: now, seen: now, changed: at };
                this.users.lock().insert(user, entry);
                this.core.notifier.wake(&concerned, at);
                this.somebody.notify_one();
            });
            Ok(())
        };
        self.core.store.write("presence_set", change).await
    }

    /// A user's presence; none when they were never seen since the start.
    #[must_use]
    pub fn of(&self, user: UserSn) -> Option<PresenceEvent> {
        self.users.lock().get(&user).map(show)
    }

    /// Who changed after one position and up to another. The caller picks those whom the reader shares a room with.
    #[must_use]
    pub fn changed(&self, after: Position, upto: Position) -> Vec<(UserSn, PresenceEvent)> {
        let users = self.users.lock();
        let changed = users.iter().filter(|(_, entry)| entry.changed > after && entry.changed <= upto);
        changed.map(|(user, entry)| (*user, show(entry))).collect()
    }

    /// Lets users go idle and offline. Sleeps while everybody is offline. Runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            if self.anybody() {
                tokio::time::sleep(LOOK_EVERY).await;
            } else {
                self.somebody.notified().await;
            }
            for (user, user_id, state, status) in self.overdue() {
                if let Err(error) = self.fade(user, user_id, state, status).await {
                    tracing::warn!(%error, "presence could not be changed");
                }
            }
        }
    }

    fn anybody(&self) -> bool {
        self.users.lock().values().any(|entry| entry.state != PresenceState::Offline)
    }

    fn overdue(&self) -> Vec<(UserSn, OwnedUserId, PresenceState, Option<String>)> {
        let now = Instant::now();
        let users = self.users.lock();
        let next = users.iter().filter_map(|(user, entry)| {
            let state = match entry.state {
                PresenceState::Offline => return None,
                _ if now - entry.seen > OFFLINE_AFTER && !self.core.notifier.is_awaited(*user) => PresenceState::Offline,
                PresenceState::Online if now - entry.active > IDLE_AFTER => PresenceState::Unavailable,
                _ => return None,
            };
            Some((*user, entry.user_id.clone(), state, entry.status.clone()))
        });
        next.collect()
    }

    /// As [`Self::set`], but not a sign of life.
    async fn fade(self: &Arc<Self>, user: UserSn, user_id: OwnedUserId, state: PresenceState, status: Option<String>) -> Result<()> {
        let before = self.users.lock().get(&user).map(|entry| (entry.active, entry.seen));
        self.set(user, &user_id, state, status).await?;
        if let (Some((active, seen)), Some(entry)) = (before, self.users.lock().get_mut(&user)) {
            (entry.active, entry.seen) = (active, seen);
        }
        Ok(())
    }
}

fn show(entry: &Entry) -> PresenceEvent {
    let mut content = PresenceEventContent::new(entry.state.clone());
    content.status_msg.clone_from(&entry.status);
    if entry.state != PresenceState::Offline {
        content.currently_active = Some(entry.active.elapsed() < IDLE_AFTER);
        let ago = u64::try_from(entry.active.elapsed().as_millis()).unwrap_or(u64::MAX);
        content.last_active_ago = Some(UInt::new_saturating(ago));
    }
    PresenceEvent { content, sender: entry.user_id.clone() }
}
