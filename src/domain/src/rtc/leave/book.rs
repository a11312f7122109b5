//! Whose leaves were handed over, and what to do about each by what is known of them. Asks nobody and writes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// How often it is looked whether somebody is still there, although the SFU says so by itself.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// How long the SFU may go on showing somebody of whom it says that they are gone.
const LAG: Duration = Duration::from_secs(2);
/// For how long what the SFU said by itself counts.
const NEWS_LAST: Duration = Duration::from_secs(30);
/// How long somebody may be missing of whom the SFU does not say that they are gone: it may have started again, and they come
/// back by themselves.
const MISSING_MAX: Duration = Duration::from_secs(10);
/// The longest time between two looks for somebody who has yet to come, or when the SFU does not answer.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A delayed event.
pub(super) type Id = Arc<str>;

/// A place in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The room at the SFU.
    pub(super) room: String,
    /// Who they are there.
    pub(super) identity: String,
}

/// What the SFU says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Joined,
    Left,
}

/// What the SFU says when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    There,
    Missing,
    /// It does not answer.
    Unknown,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// They have come: note that, and put their leave off.
    Came,
    /// Put their leave off.
    Stays,
    /// Send it.
    Gone,
}

#[derive(Debug)]
struct Job {
    place: Place,
    connected: bool,
    /// What the SFU said last, and when.
    news: Option<(News, Instant)>,
    missing_since: Option<Instant>,
    /// Looks in a row that had no result.
    tries: u32,
    look_at: Instant,
    /// Whether somebody is looking.
    under_way: bool,
}

/// All leaves that were handed over.
#[derive(Debug, Default)]
pub(super) struct Book {
    jobs: HashMap<Id, Job>,
}

impl Book {
    /// Adds one, to be looked at at once; gives those for the same place, which it replaces.
    pub(super) fn add(&mut self, id: Id, place: Place, connected: bool, now: Instant) -> Vec<Id> {
        let same = |(known, job): (&Id, &Job)| (job.place == place && *known != id).then(|| known.clone());
        let replaced: Vec<Id> = self.jobs.iter().filter_map(same).collect();
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

    pub(super) fn place(&self, id: &str) -> Option<&Place> {
        self.jobs.get(id).map(|job| &job.place)
    }

    /// When to look next.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.jobs.values().filter(|job| !job.under_way).map(|job| job.look_at).min()
    }

    /// A room that is to be looked at, with everybody there whose leave was handed over.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(String, Vec<Id>)> {
        let due = self.jobs.values().find(|job| !job.under_way && job.look_at <= now)?;
        let room = due.place.room.clone();
        let there = self.jobs.iter_mut().filter(|(_, job)| !job.under_way && job.place.room == room);
        let ids = there.map(|(id, job)| {
            job.under_way = true;
            id.clone()
        });
        let ids = ids.collect();
        Some((room, ids))
    }

    /// Takes in what the SFU says by itself, of one or of everybody in a room; says whether it concerns anybody.
    pub(super) fn hear(&mut self, room: &str, identity: Option<&str>, news: News, now: Instant) -> bool {
        let mut concerns = false;
        for job in self.jobs.values_mut() {
            if job.place.room == room && identity.is_none_or(|identity| job.place.identity == identity) {
                (job.news, job.look_at, concerns) = (Some((news, now)), now, true);
            }
        }
        concerns
    }

    /// Takes in what came of a look.
    pub(super) fn learn(&mut self, id: &str, seen: Seen, now: Instant) -> Verdict {
        let Some(job) = self.jobs.get_mut(id) else { return Verdict::Nothing };
        let news = job.news.filter(|(_, at)| now < *at + NEWS_LAST);
        let (joined, left) =
            (matches!(news, Some((News::Joined, _))), matches!(news, Some((News::Left, _))) && job.connected);
        job.under_way = false;
        match seen {
            Seen::There => {
                (job.missing_since, job.tries) = (None, 0);
                let is_doubtful = left && news.is_some_and(|(_, at)| now < at + LAG * 2);
                job.look_at = now + if is_doubtful { LAG } else { CHECK_EVERY };
                if std::mem::replace(&mut job.connected, true) { Verdict::Stays } else { Verdict::Came }
            }
            Seen::Missing if job.connected => {
                let since = *job.missing_since.get_or_insert(now);
                if left || now >= since + MISSING_MAX {
                    return job.retry(Verdict::Gone, now);
                }
                job.look_at = now + LAG;
                Verdict::Nothing
            }
            Seen::Unknown if left => job.retry(Verdict::Gone, now),
            Seen::Unknown if joined && !job.connected => {
                job.connected = true;
                job.retry(Verdict::Came, now)
            }
            Seen::Missing if joined => {
                job.look_at = now + LAG;
                Verdict::Nothing
            }
            _ => job.retry(Verdict::Nothing, now),
        }
    }
}

impl Job {
    /// To be looked at again, after ever longer.
    fn retry(&mut self, verdict: Verdict, now: Instant) -> Verdict {
        self.look_at = now + Duration::from_secs(1 << self.tries.min(5)).min(WAIT_MAX);
        self.tries = self.tries.saturating_add(1);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn book(connected: bool) -> (Book, Instant) {
        let (mut book, now) = (Book::default(), Instant::now());
        let place = Place { room: "room".to_owned(), identity: "alice".to_owned() };
        assert!(book.add("d1".into(), place, connected, now).is_empty());
        (book, now)
    }

    /// Looks when it is time; gives the verdict and when to look next, in seconds.
    fn look(book: &mut Book, seen: Seen, now: Instant) -> (Verdict, u64) {
        let (room, ids) = book.take_due(now).expect("it is time");
        assert_eq!((room.as_str(), ids.len(), book.next_look()), ("room", 1, None));
        let verdict = book.learn(&ids[0], seen, now);
        (verdict, book.next_look().map_or(0, |at| (at - now).as_secs()))
    }

    #[test]
    fn who_comes_and_leaves() {
        let (mut book, now) = book(false);
        assert_eq!(look(&mut book, Seen::Missing, now), (Verdict::Nothing, 1));
        assert_eq!(look(&mut book, Seen::Missing, now + SECOND), (Verdict::Nothing, 2));
        assert!(book.take_due(now + SECOND * 2).is_none());
        assert!(book.hear("room", Some("alice"), News::Joined, now + SECOND * 2));
        assert_eq!(look(&mut book, Seen::There, now + SECOND * 2), (Verdict::Came, 30));
        assert_eq!(look(&mut book, Seen::There, now + SECOND * 40), (Verdict::Stays, 30));
        assert!(!book.hear("room", Some("bob"), News::Left, now) && !book.hear("other", None, News::Left, now));
        assert!(book.hear("room", Some("alice"), News::Left, now + SECOND * 50));
        assert_eq!(look(&mut book, Seen::Missing, now + SECOND * 50), (Verdict::Gone, 1));
    }

    #[test]
    fn what_is_said_twice_or_late_throws_nobody_out() {
        let (mut book, now) = book(true);
        book.hear("room", Some("alice"), News::Left, now);
        assert_eq!(look(&mut book, Seen::There, now), (Verdict::Stays, 2));
        assert_eq!(look(&mut book, Seen::There, now + SECOND * 5), (Verdict::Stays, 30));
    }

    #[test]
    fn who_is_missing_for_a_moment_may_come_back() {
        let (mut book, now) = book(true);
        assert_eq!(look(&mut book, Seen::Missing, now), (Verdict::Nothing, 2));
        assert_eq!(look(&mut book, Seen::There, now + SECOND * 2), (Verdict::Stays, 30));
        assert_eq!(look(&mut book, Seen::Missing, now + SECOND * 40), (Verdict::Nothing, 2));
        assert_eq!(look(&mut book, Seen::Missing, now + SECOND * 51).0, Verdict::Gone);
    }

    #[test]
    fn without_answers_the_sfu_is_believed() {
        let (mut book, now) = book(false);
        assert_eq!(look(&mut book, Seen::Unknown, now), (Verdict::Nothing, 1));
        book.hear("room", Some("alice"), News::Left, now);
        // Who was never there cannot leave.
        assert_eq!(look(&mut book, Seen::Unknown, now), (Verdict::Nothing, 2));
        book.hear("room", Some("alice"), News::Joined, now);
        assert_eq!(look(&mut book, Seen::Unknown, now).0, Verdict::Came);
        book.hear("room", None, News::Left, now);
        assert_eq!(look(&mut book, Seen::Unknown, now).0, Verdict::Gone);
    }

    #[test]
    fn a_place_has_one_leave() {
        let (mut book, now) = book(true);
        let place = book.place("d1").expect("it is there").clone();
        let replaced: Vec<Id> = vec!["d1".into()];
        assert_eq!(book.add("d2".into(), place.clone(), false, now), replaced);
        assert!(book.add("d2".into(), place, false, now).is_empty());
        assert_eq!(book.learn("d1", Seen::There, now), Verdict::Nothing);
        book.remove("d2");
        assert_eq!(book.next_look(), None);
    }
}
