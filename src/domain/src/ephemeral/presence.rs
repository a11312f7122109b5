//! Who is there (client-server API, "Presence"), here and on other servers. In memory: after a restart everybody is offline
//! until they sync again.
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

use super::federate::update;
use crate::core::Core;
use crate::outgoing::EphemeralEdu;

/// A user whose last sync ended this long ago is offline.
const OFFLINE_AFTER: Duration = Duration::from_secs(40);
/// A user who did nothing but sync for this long is away.
pub(super) const IDLE_AFTER: Duration = Duration::from_secs(5 * 60);
/// How often overdue changes are looked for, while anybody is there.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// A user of another server of whom nothing was heard for so long is offline.
const UNHEARD_AFTER: Duration = Duration::from_secs(30 * 60);

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) user_id: OwnedUserId,
    pub(super) state: PresenceState,
    pub(super) status: Option<String>,
    /// The user did something.
    pub(super) active: Instant,
    /// The user's client was heard of.
    pub(super) seen: Instant,
    pub(super) changed: Position,
    /// The state came by itself, as nothing happened; nobody said so.
    pub(super) faded: bool,
    /// When other servers were last told; none for their own users.
    pub(super) told: Option<Instant>,
}

/// Everybody's presence.
#[derive(Debug)]
pub struct PresenceBook {
    pub(super) core: Arc<Core>,
    pub(super) users: Mutex<HashMap<UserSn, Entry>>,
    pub(super) came_online: Notify,
}

impl PresenceBook {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self { core, users: Mutex::default(), came_online: Notify::new() })
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

    /// The user did something: sent a message, typed, read. Who was away because they did nothing is back.
    pub async fn active(self: &Arc<Self>, user: UserSn) {
        let back = match self.users.lock().get_mut(&user) {
            Some(entry) => {
                entry.active = Instant::now();
                let is_away = entry.faded && entry.state == PresenceState::Unavailable;
                is_away.then(|| (entry.user_id.clone(), entry.status.clone()))
            }
            None => None,
        };
        if let Some((user_id, status)) = back
            && let Err(error) = self.set(user, &user_id, PresenceState::Online, status).await
        {
            tracing::debug!(%error, "Failed to update the presence of a returning user.");
        }
    }

    /// Sets a user's state and status message, and tells everybody who shares a room with them.
    pub async fn set(
        self: &Arc<Self>,
        user: UserSn,
        user_id: &OwnedUserId,
        state: PresenceState,
        status: Option<String>,
    ) -> Result<()> {
        self.change(user, user_id, state, status, None).await
    }

    /// As [`Self::set`]. With `fading` it is no sign of life, and comes to nothing if the user's state has changed since then.
    async fn change(
        self: &Arc<Self>,
        user: UserSn,
        user_id: &OwnedUserId,
        state: PresenceState,
        status: Option<String>,
        fading: Option<Position>,
    ) -> Result<()> {
        if !self.enabled() {
            return Ok(());
        }
        let (this, user_id) = (self.clone(), user_id.clone());
        let change = move |tx: &mut WriteTx<'_>| {
            let at = tx.position();
            let mut concerned = memberships::local_neighbours(tx.tx(), user)?;
            concerned.push(user);
            let servers = this.listeners(tx, user, &user_id)?;
            tx.after_commit(move || {
                {
                    let (mut users, now) = (this.users.lock(), Instant::now());
                    let before = users.get(&user).filter(|_| fading.is_some());
                    if before.map(|entry| entry.changed) != fading {
                        return;
                    }
                    let (active, seen) = before.map_or((now, now), |entry| (entry.active, entry.seen));
                    let is_remote = before.is_some_and(|entry| entry.told.is_none());
                    let (faded, told) = (fading.is_some(), (!is_remote).then_some(now));
                    let entry = Entry { user_id, state, status, active, seen, changed: at, faded, told };
                    this.core.outgoing.ephemeral(servers, EphemeralEdu::Presence(update(&entry)));
                    users.insert(user, entry);
                }
                this.core.notifier.wake(&concerned, at);
                this.came_online.notify_one();
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
            if self.is_any_online() {
                tokio::time::sleep(LOOK_EVERY).await;
            } else {
                self.came_online.notified().await;
            }
            self.tell_again().await;
            for (user, entry, state) in self.overdue() {
                let (status, fading) = (entry.status, Some(entry.changed));
                if let Err(error) = self.change(user, &entry.user_id, state, status, fading).await {
                    tracing::warn!(%error, "Failed to update presence.");
                }
            }
        }
    }

    fn is_any_online(&self) -> bool {
        self.users.lock().values().any(|entry| entry.state != PresenceState::Offline)
    }

    /// Whose state is over, as it is, and what it has to become.
    fn overdue(&self) -> Vec<(UserSn, Entry, PresenceState)> {
        let now = Instant::now();
        let users = self.users.lock();
        let next = users.iter().filter_map(|(user, entry)| {
            let state = match entry.state {
                PresenceState::Offline => return None,
                _ if entry.told.is_none() => (now - entry.seen > UNHEARD_AFTER).then_some(PresenceState::Offline)?,
                _ if now - entry.seen > OFFLINE_AFTER && !self.core.notifier.is_awaited(*user) => {
                    PresenceState::Offline
                }
                PresenceState::Online if now - entry.active > IDLE_AFTER => PresenceState::Unavailable,
                _ => return None,
            };
            Some((*user, entry.clone(), state))
        });
        next.collect()
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

#[cfg(test)]
mod tests {
    use hearth_base::Seams;

    use ruma::UserId;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn who_faded_is_back_with_the_next_thing_they_do_and_who_said_so_stays_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let book = PresenceBook::new(testing::core(&folder, Seams::system(), |config| config.presence.enabled = true));
        let (user, id) = (UserSn(1), UserId::parse("@alice:home.example").expect("an id"));
        let state = || book.of(user).expect("known").content.presence;
        book.set(user, &id, PresenceState::Online, None).await.expect("set");
        let online = book.users.lock()[&user].changed;
        book.change(user, &id, PresenceState::Unavailable, None, Some(online)).await.expect("faded");
        assert_eq!(state(), PresenceState::Unavailable);
        book.active(user).await;
        assert_eq!(state(), PresenceState::Online);
        // It was decided upon before the user was back.
        book.change(user, &id, PresenceState::Offline, None, Some(online)).await.expect("not faded");
        assert_eq!(state(), PresenceState::Online);
        book.set(user, &id, PresenceState::Unavailable, None).await.expect("set");
        book.active(user).await;
        assert_eq!(state(), PresenceState::Unavailable);
    }
}
