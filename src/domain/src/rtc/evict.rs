//! Whoever leaves a room, or is banned from it, leaves its calls (MSC4195, "Kicking users from the SFU on room leave/ban"), and so does
//! whose account is locked, suspended or closed. The SFU does not know when a token is no longer good: who comes back with one that
//! was given before is sent away again until it has ended.

use std::collections::{HashMap, HashSet};

use hearth_base::{Result, limits};

use super::Rtc;
use super::issue::is_member;
use super::issued::{IssuedSeat, SeatHolder};
use super::sfu::Sfu;

/// Who is in each room of the SFU, as far as it was asked.
type Present = HashMap<String, HashSet<String>>;

impl Rtc {
    /// Looks at everybody who was given a token and may be in a call. Costs nothing while there is nobody.
    pub async fn keep_members_only(&self) -> Result<()> {
        let (Some(sfu), places) = (self.sfu.get(), self.given.all()) else { return Ok(()) };
        if places.is_empty() {
            return Ok(());
        }
        let (mut outcome, mut present) = (Ok(()), Present::new());
        for (place, holder, is_in) in self.account_statuses(places).await? {
            let kept = match is_in && !holder.is_out {
                true => self.see(sfu, &place, &holder, &mut present).await,
                false => self.send_away(sfu, &place, &holder).await,
            };
            // One that cannot be sent away is no reason to let others stay.
            outcome = outcome.and(kept);
        }
        outcome
    }

    /// Adds whether they may be in the call.
    async fn account_statuses(
        &self,
        places: Vec<(IssuedSeat, SeatHolder)>,
    ) -> Result<Vec<(IssuedSeat, SeatHolder, bool)>> {
        let core = self.core.clone();
        let read = self.core.store.read("rtc_standings", move |tx| {
            let mut account_statuses = Vec::with_capacity(places.len());
            for (place, holder) in places {
                let is_in = is_member(&core, tx, &holder.user, &holder.room)?;
                account_statuses.push((place, holder, is_in));
            }
            Ok(account_statuses)
        });
        read.await
    }

    /// Forgets a member who is not in the call although their token has ended.
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
            // Whoever was in the call has a token of the SFU that is as fresh as this.
            self.given.take(place, now_ms.saturating_add(limits::RTC_TOKEN_MS_MAX));
        }
        sfu.remove_participant(&place.room_name, &place.identity, now_ms / 1_000).await
    }
}
