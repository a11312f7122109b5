//! Federated presence: receives `m.presence` EDUs and sends those of local users. Only with `presence.federated`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Result, limits};
use hearth_rooms::outgoing::EphemeralEdu;
use hearth_rooms::servers;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::{device_lists, memberships, users};
use hearth_store::{Lane, WriteTx};
use ruma::api::federation::transactions::edu::PresenceUpdate;
use ruma::presence::PresenceState;
use ruma::{OwnedServerName, UInt, UserId};
use tokio::time::Instant;

use super::PresenceBook;
use super::presence::{Cause, Entry, IDLE_AFTER};

/// How often to repeat the presence of an online user: other servers, like this one, let it expire.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(25 * 60);

/// The `m.presence` update of a user.
pub(super) fn update(entry: &Entry) -> PresenceUpdate {
    let idle = entry.active.elapsed();
    let ago = UInt::new_saturating(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
    let mut update = PresenceUpdate::new(entry.user_id.clone(), entry.state.clone(), ago);
    update.status_msg.clone_from(&entry.status);
    update.currently_active = entry.state == PresenceState::Online && idle < IDLE_AFTER;
    update
}

impl PresenceBook {
    /// Whether presence is sent to and accepted from other servers.
    #[must_use]
    pub fn is_federated(&self) -> bool {
        self.enabled() && self.core.config.presence.federated
    }

    /// The servers that receive a local user's presence.
    pub(super) fn listeners(
        &self,
        tx: &mut WriteTx<'_>,
        user: UserSn,
        user_id: &UserId,
    ) -> Result<Arc<[OwnedServerName]>> {
        let mut found = BTreeSet::new();
        if self.is_federated() && self.core.is_local(user_id) {
            for room in memberships::joined_rooms(tx.tx(), user)? {
                found.extend(servers::of(&self.core, tx.tx(), room)?.iter().cloned());
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Applies another server's update for one of its users, if a local user shares a room with them. The caller has
    /// checked that the user is of that server.
    pub fn heard(self: &Arc<Self>, tx: &mut WriteTx<'_>, user: UserSn, news: PresenceUpdate) -> Result<()> {
        let known =
            matches!(news.presence, PresenceState::Online | PresenceState::Offline | PresenceState::Unavailable);
        if !self.is_federated() || !known {
            return Ok(());
        }
        let now = Instant::now();
        // `last_active_ago` may reach back before this machine's clock started; the user then counts as idle.
        let active = now.checked_sub(Duration::from_millis(news.last_active_ago.into()));
        let active = active.or_else(|| now.checked_sub(IDLE_AFTER)).unwrap_or(now);
        let status = news.status_msg.filter(|status| status.len() <= limits::PRESENCE_STATUS_BYTES_MAX);
        // Nothing visible changes: update the times and wake no client.
        if let Some(entry) = self.users.lock().get_mut(&user)
            && entry.state == news.presence
            && entry.status == status
            && (entry.active.elapsed() < IDLE_AFTER) == (active.elapsed() < IDLE_AFTER)
        {
            (entry.active, entry.seen) = (active, now);
            return Ok(());
        }
        let concerned = memberships::local_neighbours(tx.tx(), user)?;
        if concerned.is_empty() {
            return Ok(());
        }
        let (this, at) = (self.clone(), tx.position());
        let (user_id, state) = (news.user_id, news.presence);
        tx.after_commit(move || {
            let entry = Entry {
                user_id,
                state,
                status,
                active,
                seen: now,
                changed: at,
                cause: Cause::Heard,
                devices: HashMap::new(),
                told: None,
            };
            this.users.lock().insert(user, entry);
            this.core.notifier.wake(&concerned, at);
            this.came_online.notify_one();
        });
        Ok(())
    }

    /// Repeats the presence of users who have been online for long.
    pub(super) async fn tell_again(self: &Arc<Self>) {
        if !self.is_federated() {
            return;
        }
        let due: Vec<_> = {
            let mut users = self.users.lock();
            let due = users.iter_mut().filter(|(_, entry)| {
                entry.state != PresenceState::Offline
                    && entry.told.is_some_and(|told| told.elapsed() > TELL_AGAIN_AFTER)
            });
            due.map(|(user, entry)| {
                entry.told = Some(Instant::now());
                (*user, update(entry))
            })
            .collect()
        };
        if due.is_empty() {
            return;
        }
        let this = self.clone();
        let tell = move |tx: &mut WriteTx<'_>| {
            for (user, update) in due {
                let servers = this.listeners(tx, user, &update.user_id)?;
                let this = this.clone();
                tx.after_commit(move || this.core.outgoing.ephemeral(servers, EphemeralEdu::Presence(update)));
            }
            Ok(())
        };
        if let Err(error) = self.core.store.write_in(Lane::Upkeep, "presence_tell_again", tell).await {
            tracing::debug!(%error, "Failed to resend presence to other servers.");
        }
    }

    /// Sends presence to servers that newly share a room: of the local members when a remote user joins, and of a local
    /// user who joins.
    pub(super) async fn tell_newcomers(self: &Arc<Self>) {
        let (after, upto) = (*self.joins_upto.lock(), self.core.store.position());
        // Advance first: a failed write is not repeated. The next state change reaches these servers anyway.
        *self.joins_upto.lock() = upto;
        if !self.is_federated() || after >= upto {
            return;
        }
        let this = self.clone();
        let tell = move |tx: &mut WriteTx<'_>| {
            for (room, member) in device_lists::joins_between(tx.tx(), after, upto)? {
                this.tell_of_join(tx, room, member)?;
            }
            Ok(())
        };
        if let Err(error) = self.core.store.write_in(Lane::Upkeep, "presence_tell_newcomers", tell).await {
            tracing::debug!(%error, "Failed to send presence to servers that newly share a room.");
        }
    }

    fn tell_of_join(self: &Arc<Self>, tx: &mut WriteTx<'_>, room: RoomSn, member: UserSn) -> Result<()> {
        let name = users::name(tx.tx(), member)?;
        let Some(Ok(member_id)) = name.map(UserId::parse) else { return Ok(()) };
        let (servers, people): (Arc<[OwnedServerName]>, Vec<UserSn>) = match self.core.is_local(&member_id) {
            true => (servers::of(&self.core, tx.tx(), room)?.iter().cloned().collect(), vec![member]),
            false => ([member_id.server_name().to_owned()].into(), memberships::local_joined(tx.tx(), room)?),
        };
        let updates: BTreeMap<UserSn, PresenceUpdate> = {
            let users = self.users.lock();
            let known = people.iter().filter_map(|user| Some((*user, users.get(user)?)));
            known
                .filter(|(_, entry)| entry.state != PresenceState::Offline)
                .map(|(user, entry)| (user, update(entry)))
                .collect()
        };
        for update in updates.into_values() {
            self.core.outgoing.ephemeral(servers.clone(), EphemeralEdu::Presence(update));
        }
        Ok(())
    }
}
