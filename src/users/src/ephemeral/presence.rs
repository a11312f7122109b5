//! Presence of local and remote users (client-server API, "Presence"). It lives in memory: after a restart all users
//! are offline until they sync again. Only the status messages of local users are stored.
//!
//! There is no timer while all users are offline, and one otherwise. Clients are woken only when a state changes, not
//! at every sync, so that the members of a large room do not keep waking each other.

use hearth_base::boxed;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits::users::PRESENCE_LOOK_EVERY;
use hearth_base::{Position, Result};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::outgoing::EphemeralEdu;
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::{memberships, presence_status};
use parking_lot::Mutex;
use ruma::events::presence::{PresenceEvent, PresenceEventContent};
use ruma::presence::PresenceState;
use ruma::{OwnedUserId, UInt};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::federate::update;

/// A user is offline this long after their last sync ended.
const OFFLINE_AFTER: Duration = Duration::from_secs(40);
/// A user who only syncs becomes unavailable after this time.
pub(super) const IDLE_AFTER: Duration = Duration::from_secs(5 * 60);
/// How long a sync's `set_presence` applies: the longest sync, and some time until the next one.
const SYNCED_FOR: Duration = Duration::from_secs(120);
/// A remote user without an update for this long is offline.
const UNHEARD_AFTER: Duration = Duration::from_secs(30 * 60);

/// Why a user's state changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// The user set it, with an optional status message.
    Said(Option<String>),
    /// A sync of one of their clients asked for it.
    Synced(DeviceSn, PresenceState),
    /// The user became active again.
    Returned,
    /// The user was idle since the state was set at a position. Ignored if the state has changed since then.
    Faded(Position),
    /// Another server sent it.
    Heard,
}

/// `set_presence` of a device's last sync, with its time.
type Synced = (PresenceState, Instant);

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) user_id: OwnedUserId,
    pub(super) state: PresenceState,
    pub(super) status: Option<String>,
    /// Time of the last activity.
    pub(super) active: Instant,
    /// Time of the last sync or update.
    pub(super) seen: Instant,
    pub(super) changed: Position,
    pub(super) cause: Cause,
    /// `set_presence` of each device's syncs.
    pub(super) devices: HashMap<DeviceSn, Synced>,
    /// When other servers were last notified; `None` for remote users.
    pub(super) told: Option<Instant>,
}

impl Entry {
    /// The entry that follows `before` for a local user.
    fn next(
        before: Option<&Self>,
        user_id: OwnedUserId,
        (state, status): (PresenceState, Option<String>),
        cause: Cause,
        changed: Position,
    ) -> Self {
        let now = Instant::now();
        let faded = before.filter(|_| matches!(cause, Cause::Faded(_)));
        let (active, seen) = faded.map_or((now, now), |entry| (entry.active, entry.seen));
        let is_remote = faded.is_some_and(|entry| entry.told.is_none());
        let status = status.or_else(|| faded.filter(|_| is_remote).and_then(|entry| entry.status.clone()));
        let devices = before.map(|entry| entry.devices.clone()).unwrap_or_default();
        let told = (!is_remote).then_some(now);
        let mut entry = Self { user_id, state, status, active, seen, changed, cause, devices, told };
        if let Cause::Synced(device, asked) = &entry.cause {
            entry.devices.insert(*device, (asked.clone(), now));
        }
        entry
    }

    /// Records a sync of a device.
    fn sync(&mut self, device: DeviceSn, asked: &PresenceState) {
        let now = Instant::now();
        self.seen = now;
        self.devices.retain(|_, (_, at)| now - *at < SYNCED_FOR);
        self.devices.insert(device, (asked.clone(), now));
    }

    /// The state that the user's syncs imply; `None` to keep the current one. A sync with `online` overrides neither
    /// the state that the user set nor idleness; a sync with `unavailable` does.
    fn by_devices(&self) -> Option<PresenceState> {
        let is_away = self.devices.values().all(|(asked, _)| *asked == PresenceState::Unavailable);
        let changes = match self.state {
            PresenceState::Offline => true,
            PresenceState::Online => is_away,
            _ => !is_away && matches!(self.cause, Cause::Synced(..)),
        };
        changes.then_some(if is_away { PresenceState::Unavailable } else { PresenceState::Online })
    }
}

/// The status message of the new state; stores the one that the user set.
fn status(tx: &mut WriteTx<'_>, user: UserSn, cause: &Cause) -> Result<Option<String>> {
    let kept = presence_status::get(tx.tx(), user)?;
    let Cause::Said(status) = cause else { return Ok(kept) };
    match status {
        _ if kept == *status => {}
        Some(status) => presence_status::set(tx.tx(), user, status)?,
        None => presence_status::erase(tx.tx(), user)?,
    }
    Ok(status.clone())
}

/// The presence of all users.
#[derive(Debug)]
pub struct PresenceBook {
    pub(super) core: Arc<RoomCore>,
    pub(super) users: Mutex<HashMap<UserSn, Entry>>,
    pub(super) came_online: Notify,
    /// Stream position up to which joins have been handled for federated presence.
    pub(super) joins_upto: Mutex<Position>,
}

impl PresenceBook {
    /// All users are offline at first.
    #[must_use]
    pub fn new(core: Arc<RoomCore>) -> Arc<Self> {
        let joins_upto = Mutex::new(core.store.position());
        Arc::new(Self { core, users: Mutex::default(), came_online: Notify::new(), joins_upto })
    }

    /// Whether presence is enabled.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.core.config.presence.enabled
    }

    /// Records a sync of the user with this `set_presence`. Of several devices, the most available one counts.
    #[boxed]
    pub async fn seen(self: &Arc<Self>, who: &Requester, state: &PresenceState) -> Result<()> {
        // With `set_presence=offline`, a sync does not affect the presence (client-server API, `GET /sync`).
        if !self.enabled() || *state == PresenceState::Offline {
            return Ok(());
        }
        let wanted = match self.users.lock().get_mut(&who.user) {
            Some(entry) => {
                entry.sync(who.device, state);
                entry.by_devices()
            }
            None => Some(state.clone()),
        };
        let Some(wanted) = wanted else { return Ok(()) };
        self.change(who.user, &who.user_id, wanted, Cause::Synced(who.device, state.clone())).await
    }

    /// Records activity: a message, typing, a receipt. A user who was unavailable because of idleness is online again.
    #[boxed]
    pub async fn active(self: &Arc<Self>, user: UserSn) {
        let back = match self.users.lock().get_mut(&user) {
            Some(entry) => {
                entry.active = Instant::now();
                let is_away = matches!(entry.cause, Cause::Faded(_)) && entry.state == PresenceState::Unavailable;
                is_away.then(|| entry.user_id.clone())
            }
            None => None,
        };
        if let Some(user_id) = back
            && let Err(error) = self.change(user, &user_id, PresenceState::Online, Cause::Returned).await
        {
            tracing::debug!(%error, "Failed to update the presence of a returning user.");
        }
    }

    /// Sets a user's state and status message, and notifies all users who share a room with them.
    #[boxed]
    pub async fn set(
        self: &Arc<Self>,
        user: UserSn,
        user_id: &OwnedUserId,
        state: PresenceState,
        status: Option<String>,
    ) -> Result<()> {
        self.change(user, user_id, state, Cause::Said(status)).await
    }

    async fn change(
        self: &Arc<Self>,
        user: UserSn,
        user_id: &OwnedUserId,
        state: PresenceState,
        cause: Cause,
    ) -> Result<()> {
        if !self.enabled() {
            return Ok(());
        }
        let (this, user_id) = (self.clone(), user_id.clone());
        let change = move |tx: &mut WriteTx<'_>| {
            let at = tx.position();
            let status = status(tx, user, &cause)?;
            let mut concerned = memberships::local_neighbours(tx.tx(), user)?;
            concerned.push(user);
            let servers = this.listeners(tx, user, &user_id)?;
            tx.after_commit(move || {
                {
                    let mut users = this.users.lock();
                    let before = users.get(&user);
                    // The state may have changed since the expiry was decided: keep the newer one.
                    if let Cause::Faded(seen) = cause
                        && before.is_none_or(|entry| entry.changed != seen)
                    {
                        return;
                    }
                    let entry = Entry::next(before, user_id, (state, status), cause, at);
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

    /// A user's presence; `None` if they have not been seen since the start.
    #[must_use]
    pub fn of(&self, user: UserSn) -> Option<PresenceEvent> {
        self.users.lock().get(&user).map(show)
    }

    /// Users whose presence changed after one position and up to another. The caller filters those who share a room
    /// with the reader.
    #[must_use]
    pub fn changed(&self, after: Position, upto: Position) -> Vec<(UserSn, PresenceEvent)> {
        let users = self.users.lock();
        let changed = users.iter().filter(|(_, entry)| entry.changed > after && entry.changed <= upto);
        changed.map(|(user, entry)| (*user, show(entry))).collect()
    }

    /// Users with any known presence.
    #[must_use]
    pub fn known_users(&self) -> Vec<UserSn> {
        self.users.lock().keys().copied().collect()
    }

    /// Lets users become unavailable and offline. Sleeps while all users are offline. Runs until it is dropped.
    #[boxed]
    pub async fn run(self: Arc<Self>) {
        loop {
            if self.is_any_online() {
                tokio::select! {
                    () = tokio::time::sleep(PRESENCE_LOOK_EVERY) => {}
                    () = self.core.notifier.membership_news() => {}
                }
            } else {
                self.came_online.notified().await;
            }
            self.tell_again().await;
            self.tell_newcomers().await;
            for (user, entry, state) in self.overdue() {
                if let Err(error) = self.change(user, &entry.user_id, state, Cause::Faded(entry.changed)).await {
                    tracing::warn!(%error, "Failed to update presence.");
                }
            }
        }
    }

    fn is_any_online(&self) -> bool {
        self.users.lock().values().any(|entry| entry.state != PresenceState::Offline)
    }

    /// Users whose state has expired, with their entry and next state.
    fn overdue(&self) -> Vec<(UserSn, Entry, PresenceState)> {
        let now = Instant::now();
        let users = self.users.lock();
        let next = users.iter().filter_map(|(user, entry)| {
            let state = match entry.state {
                PresenceState::Offline => return None,
                _ if entry.told.is_none() => (now - entry.seen > UNHEARD_AFTER).then_some(PresenceState::Offline)?,
                // A sync that is still waiting keeps the user online.
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
        let is_active = entry.state == PresenceState::Online && entry.active.elapsed() < IDLE_AFTER;
        content.currently_active = Some(is_active);
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
    use hearth_rooms::testing;

    #[tokio::test]
    async fn who_faded_is_back_with_the_next_thing_they_do_and_who_said_so_stays_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let book = PresenceBook::new(testing::core(&folder, Seams::system(), |config| config.presence.enabled = true));
        let (user, id) = (UserSn(1), UserId::parse("@alice:home.example").expect("an id"));
        let state = || book.of(user).expect("known").content.presence;
        book.set(user, &id, PresenceState::Online, None).await.expect("set");
        let online = book.users.lock()[&user].changed;
        book.change(user, &id, PresenceState::Unavailable, Cause::Faded(online)).await.expect("faded");
        assert_eq!(state(), PresenceState::Unavailable);
        book.active(user).await;
        assert_eq!(state(), PresenceState::Online);
        // The decision was made before the user returned.
        book.change(user, &id, PresenceState::Offline, Cause::Faded(online)).await.expect("not faded");
        assert_eq!(state(), PresenceState::Online);
        book.set(user, &id, PresenceState::Unavailable, None).await.expect("set");
        book.active(user).await;
        assert_eq!(state(), PresenceState::Unavailable);
    }
}
