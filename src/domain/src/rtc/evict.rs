//! Removes a user from calls when they leave the room or are banned (MSC4195, "Kicking users from the SFU on room
//! leave/ban"), and when their account is locked, suspended or deactivated. The SFU cannot revoke a token: a user who
//! comes back with an old one is removed again until that token has expired.

use hearth_base::boxed;
use std::collections::{HashMap, HashSet};

use hearth_base::{Result, limits};

use super::Rtc;
use super::issue::is_member;
use super::issued::{IssuedSeat, SeatHolder};
use super::sfu::Sfu;

/// The participants of each room of the SFU, as far as they were requested.
type Present = HashMap<String, HashSet<String>>;

impl Rtc {
    /// Checks every user with a token who may be in a call. Free when there are none.
    #[boxed]
    pub async fn keep_members_only(&self) -> Result<()> {
        let (Some(sfu), places) = (self.sfu.get(), self.given.all()) else { return Ok(()) };
        if places.is_empty() {
            return Ok(());
        }
        let (mut outcome, mut present) = (Ok(()), Present::new());
        for (place, holder, is_in) in self.memberships_of(places).await? {
            let kept = match is_in && !holder.is_out {
                true => self.see(sfu, &place, &holder, &mut present).await,
                false => self.send_away(sfu, &place, &holder).await,
            };
            // An error with one participant must not keep the others in the call.
            outcome = outcome.and(kept);
        }
        outcome
    }

    /// Adds whether each user may be in the call.
    async fn memberships_of(
        &self,
        places: Vec<(IssuedSeat, SeatHolder)>,
    ) -> Result<Vec<(IssuedSeat, SeatHolder, bool)>> {
        let core = self.core.clone();
        let read = self.core.store.read("rtc_standings", move |tx| {
            let mut memberships_of = Vec::with_capacity(places.len());
            for (place, holder) in places {
                let is_in = is_member(&core, tx, &holder.user, &holder.room)?;
                memberships_of.push((place, holder, is_in));
            }
            Ok(memberships_of)
        });
        read.await
    }

    /// Forgets the seat of a member who is not in the call when the token has expired; prolongs it while they are.
    async fn see(&self, sfu: &Sfu, place: &IssuedSeat, holder: &SeatHolder, present: &mut Present) -> Result<()> {
        let now_ms = self.core.now_ms();
        if now_ms < holder.until_ms {
            return Ok(());
        }
        if !present.contains_key(&place.room_name) {
            let list = sfu.participants(&place.room_name, now_ms / 1_000).await?;
            let identities = list.into_iter().map(|participant| participant.identity).collect();
            present.insert(place.room_name.clone(), identities);
        }
        match present.get(&place.room_name).is_some_and(|there| there.contains(&place.identity)) {
            true => self.given.prolong(place, now_ms.saturating_add(limits::RTC_TOKEN_MS_MAX)),
            false => self.given.forget(place, holder),
        }
        Ok(())
    }

    async fn send_away(&self, sfu: &Sfu, place: &IssuedSeat, holder: &SeatHolder) -> Result<()> {
        let now_ms = self.core.now_ms();
        if holder.is_out && holder.until_ms <= now_ms {
            self.given.forget(place, holder);
            return Ok(());
        }
        if !holder.is_out {
            tracing::info!(user = %holder.user, room = %holder.room, "Removed a participant from a call: the user left the room.");
            // The SFU may have just given the participant a fresh token, so assume the longest lifetime from now.
            self.given.take(place, now_ms.saturating_add(limits::RTC_TOKEN_MS_MAX));
        }
        // The seat is marked first: the proxy refuses its token at once, and if this request fails the next run
        // repeats it.
        sfu.remove_participant(&place.room_name, &place.identity, now_ms / 1_000).await
    }
}
