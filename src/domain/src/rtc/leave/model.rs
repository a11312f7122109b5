//! The state machine of delegated leaves: decides what to do from what the SFU reports. Performs no I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::Backoff;
use hearth_base::limits::domain::{CALL_LEAVE_CHECK_EVERY, CALL_LEAVE_MISSING_MAX};
use tokio::time::Instant;

/// How long the SFU may still list a participant after its webhook reported that they left.
const LAG: Duration = Duration::from_secs(2);
/// How long a webhook's report is valid.
const NEWS_LAST: Duration = Duration::from_secs(30);
/// Backoff between polls for a participant who has not connected yet, or while the SFU does not answer, in
/// milliseconds.
const WAIT: Backoff = Backoff::new(1_000, 30_000);

/// The delay id of a leave event.
pub(super) type LeaveId = Arc<str>;

/// A seat in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaveSeat {
    /// The room at the SFU.
    pub(super) room: String,
    /// The participant's identity at the SFU.
    pub(super) identity: String,
}

/// A report from a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SfuNotice {
    Joined,
    Left,
}

/// The result of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SfuPresence {
    There,
    Missing,
    /// The SFU does not answer.
    Unknown,
}

/// The action after a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaveAction {
    Nothing,
    /// The participant has connected: store that, and restart the delay.
    Came,
    /// Restart the delay.
    Stays,
    /// Send the leave event.
    Gone,
}

#[derive(Debug)]
struct Job {
    place: LeaveSeat,
    connected: bool,
    /// The last webhook report, and its time.
    news: Option<(SfuNotice, Instant)>,
    missing_since: Option<Instant>,
    /// Polls in a row without a result.
    tries: u32,
    look_at: Instant,
    /// Whether a poll is in progress.
    under_way: bool,
}

/// All delegated leaves.
#[derive(Debug, Default)]
pub(super) struct LeavesModel {
    jobs: HashMap<LeaveId, Job>,
}

impl LeavesModel {
    /// Adds a leave and polls for it immediately; returns the leaves for the same seat, which it replaces.
    pub(super) fn add(&mut self, id: LeaveId, place: LeaveSeat, connected: bool, now: Instant) -> Vec<LeaveId> {
        let same = |(known, job): (&LeaveId, &Job)| (job.place == place && *known != id).then(|| known.clone());
        let replaced: Vec<LeaveId> = self.jobs.iter().filter_map(same).collect();
        for id in &replaced {
            self.jobs.remove(id);
        }
        let (news, missing_since, tries, under_way) = (None, None, 0, false);
        self.jobs.insert(id, Job { place, connected, news, missing_since, tries, look_at: now, under_way });
        replaced
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.jobs.remove(id);
    }

    pub(super) fn place(&self, id: &str) -> Option<&LeaveSeat> {
        self.jobs.get(id).map(|job| &job.place)
    }

    /// Returns the time of the next poll.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.jobs.values().filter(|job| !job.under_way).map(|job| job.look_at).min()
    }

    /// Returns a room to poll, with all its leaves.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(String, Vec<LeaveId>)> {
        let due = self.jobs.values().find(|job| !job.under_way && job.look_at <= now)?;
        let room = due.place.room.clone();
        // All leaves of the room, because one list of participants serves them all.
        let there = self.jobs.iter_mut().filter(|(_, job)| !job.under_way && job.place.room == room);
        let ids = there.map(|(id, job)| {
            job.under_way = true;
            id.clone()
        });
        let ids = ids.collect();
        Some((room, ids))
    }

    /// Applies a webhook report about one participant or the whole room; returns whether it concerns a leave.
    pub(super) fn hear(&mut self, room: &str, identity: Option<&str>, news: SfuNotice, now: Instant) -> bool {
        let mut concerns = false;
        for job in self.jobs.values_mut() {
            if job.place.room == room && identity.is_none_or(|identity| job.place.identity == identity) {
                (job.news, job.look_at, concerns) = (Some((news, now)), now, true);
            }
        }
        concerns
    }

    /// Applies the result of a poll.
    pub(super) fn learn(&mut self, id: &str, seen: SfuPresence, now: Instant, chance: u8) -> LeaveAction {
        let Some(job) = self.jobs.get_mut(id) else { return LeaveAction::Nothing };
        let news = job.news.filter(|(_, at)| now < *at + NEWS_LAST);
        let (joined, left) =
            (matches!(news, Some((SfuNotice::Joined, _))), matches!(news, Some((SfuNotice::Left, _))) && job.connected);
        job.under_way = false;
        match seen {
            SfuPresence::There => {
                (job.missing_since, job.tries) = (None, 0);
                // The SFU may still list a participant for whom a webhook has reported the leave: poll again soon.
                let is_doubtful = left && news.is_some_and(|(_, at)| now < at + LAG * 2);
                job.look_at = now + if is_doubtful { LAG } else { CALL_LEAVE_CHECK_EVERY };
                if std::mem::replace(&mut job.connected, true) { LeaveAction::Stays } else { LeaveAction::Came }
            }
            SfuPresence::Missing if job.connected => {
                let since = *job.missing_since.get_or_insert(now);
                if left || now >= since + CALL_LEAVE_MISSING_MAX {
                    return job.retry(LeaveAction::Gone, now, chance);
                }
                job.look_at = now + LAG;
                LeaveAction::Nothing
            }
            // The SFU does not answer: rely on its webhook.
            SfuPresence::Unknown if left => job.retry(LeaveAction::Gone, now, chance),
            SfuPresence::Unknown if joined && !job.connected => {
                job.connected = true;
                job.retry(LeaveAction::Came, now, chance)
            }
            SfuPresence::Missing if joined => {
                job.look_at = now + LAG;
                LeaveAction::Nothing
            }
            _ => job.retry(LeaveAction::Nothing, now, chance),
        }
    }
}

impl Job {
    /// Schedules the next poll with backoff.
    fn retry(&mut self, verdict: LeaveAction, now: Instant, chance: u8) -> LeaveAction {
        self.tries = self.tries.saturating_add(1);
        self.look_at = now + WAIT.wait(self.tries, chance);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn book(connected: bool) -> (LeavesModel, Instant) {
        let (mut book, now) = (LeavesModel::default(), Instant::now());
        let place = LeaveSeat { room: "room".to_owned(), identity: "alice".to_owned() };
        assert!(book.add("d1".into(), place, connected, now).is_empty());
        (book, now)
    }

    /// Polls when due; returns the action and the seconds until the next poll.
    fn look(book: &mut LeavesModel, seen: SfuPresence, now: Instant) -> (LeaveAction, u64) {
        let (room, ids) = book.take_due(now).expect("it is time");
        assert_eq!((room.as_str(), ids.len(), book.next_look()), ("room", 1, None));
        let verdict = book.learn(&ids[0], seen, now, 0);
        (verdict, book.next_look().map_or(0, |at| (at - now).as_secs()))
    }

    #[test]
    fn who_comes_and_leaves() {
        let (mut book, now) = book(false);
        assert_eq!(look(&mut book, SfuPresence::Missing, now), (LeaveAction::Nothing, 1));
        assert_eq!(look(&mut book, SfuPresence::Missing, now + SECOND), (LeaveAction::Nothing, 2));
        assert!(book.take_due(now + SECOND * 2).is_none());
        assert!(book.hear("room", Some("alice"), SfuNotice::Joined, now + SECOND * 2));
        assert_eq!(look(&mut book, SfuPresence::There, now + SECOND * 2), (LeaveAction::Came, 30));
        assert_eq!(look(&mut book, SfuPresence::There, now + SECOND * 40), (LeaveAction::Stays, 30));
        assert!(
            !book.hear("room", Some("bob"), SfuNotice::Left, now) && !book.hear("other", None, SfuNotice::Left, now)
        );
        assert!(book.hear("room", Some("alice"), SfuNotice::Left, now + SECOND * 50));
        assert_eq!(look(&mut book, SfuPresence::Missing, now + SECOND * 50), (LeaveAction::Gone, 1));
    }

    #[test]
    fn what_is_said_twice_or_late_throws_no_one_out() {
        let (mut book, now) = book(true);
        book.hear("room", Some("alice"), SfuNotice::Left, now);
        assert_eq!(look(&mut book, SfuPresence::There, now), (LeaveAction::Stays, 2));
        assert_eq!(look(&mut book, SfuPresence::There, now + SECOND * 5), (LeaveAction::Stays, 30));
    }

    #[test]
    fn who_is_missing_for_a_moment_may_come_back() {
        let (mut book, now) = book(true);
        assert_eq!(look(&mut book, SfuPresence::Missing, now), (LeaveAction::Nothing, 2));
        assert_eq!(look(&mut book, SfuPresence::There, now + SECOND * 2), (LeaveAction::Stays, 30));
        assert_eq!(look(&mut book, SfuPresence::Missing, now + SECOND * 40), (LeaveAction::Nothing, 2));
        assert_eq!(look(&mut book, SfuPresence::Missing, now + SECOND * 51).0, LeaveAction::Gone);
    }

    #[test]
    fn without_answers_the_sfu_is_believed() {
        let (mut book, now) = book(false);
        assert_eq!(look(&mut book, SfuPresence::Unknown, now), (LeaveAction::Nothing, 1));
        book.hear("room", Some("alice"), SfuNotice::Left, now);
        // A participant who never connected cannot have left.
        assert_eq!(look(&mut book, SfuPresence::Unknown, now), (LeaveAction::Nothing, 2));
        book.hear("room", Some("alice"), SfuNotice::Joined, now);
        assert_eq!(look(&mut book, SfuPresence::Unknown, now).0, LeaveAction::Came);
        book.hear("room", None, SfuNotice::Left, now);
        assert_eq!(look(&mut book, SfuPresence::Unknown, now).0, LeaveAction::Gone);
    }

    #[test]
    fn a_place_has_one_leave() {
        let (mut book, now) = book(true);
        let place = book.place("d1").expect("it is there").clone();
        let replaced: Vec<LeaveId> = vec!["d1".into()];
        assert_eq!(book.add("d2".into(), place.clone(), false, now), replaced);
        assert!(book.add("d2".into(), place, false, now).is_empty());
        assert_eq!(book.learn("d1", SfuPresence::There, now, 0), LeaveAction::Nothing);
        book.remove("d2");
        assert_eq!(book.next_look(), None);
    }
}
