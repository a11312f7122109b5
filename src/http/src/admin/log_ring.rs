//! The recent log in memory, for the dashboard and `hearth ctl log`. Requests may wait for the next entry.

use std::collections::VecDeque;
use std::time::Duration;

use hearth_admin::wire::{LogEntry, LogLevel, LogPage, LogQuery};
use hearth_base::limits::http::{LOG_RING_ENTRIES_MAX, LOG_RING_PAGE_MAX, WAIT_MS_MAX};
use parking_lot::Mutex;
use tokio::sync::watch;

/// Entries per response: the default and the maximum.
const PAGE_DEFAULT: u32 = 200;

/// A ring buffer of the newest log entries.
#[derive(Debug)]
pub struct LogRing {
    entries: Mutex<VecDeque<LogEntry>>,
    /// The number of the newest entry; `None` after [`Self::close`].
    newest: watch::Sender<Option<u64>>,
}

impl Default for LogRing {
    fn default() -> Self {
        Self { entries: Mutex::default(), newest: watch::Sender::new(Some(0)) }
    }
}

impl LogRing {
    /// Numbers an entry and stores it.
    pub fn push(&self, mut entry: LogEntry) {
        let mut entries = self.entries.lock();
        let seq = entries.back().map_or(0, |last| last.seq) + 1;
        entry.seq = seq;
        if entries.len() == LOG_RING_ENTRIES_MAX {
            entries.pop_front();
        }
        entries.push_back(entry);
        // Still under the lock, so that waiting requests see the numbers in order.
        self.newest.send_if_modified(|newest| newest.as_mut().map(|newest| *newest = seq).is_some());
    }

    /// Wakes all waiting requests, because the server stops.
    pub fn close(&self) {
        self.newest.send_replace(None);
    }

    /// The requested entries. Waits for one if the query asks for that and there is none yet.
    pub async fn page(&self, query: &LogQuery) -> LogPage {
        let wait = Duration::from_millis(query.wait_ms.unwrap_or(0).min(WAIT_MS_MAX));
        let mut newest = self.newest.subscribe();
        let mut page = self.read(query);
        let waiting = async {
            while page.entries.is_empty() {
                let seen = page.next;
                match newest.wait_for(|newest| newest.is_none_or(|newest| newest > seen)).await.map(|it| *it) {
                    Ok(Some(_)) => page = self.read(&LogQuery { after: Some(seen), ..query.clone() }),
                    _ => return,
                }
            }
        };
        // A timeout returns an empty page.
        let _ = tokio::time::timeout(wait, waiting).await;
        page
    }

    fn read(&self, query: &LogQuery) -> LogPage {
        let entries = self.entries.lock();
        let limit = usize::try_from(query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, LOG_RING_PAGE_MAX)).unwrap_or(1);
        let newest = entries.back().map_or(0, |last| last.seq);
        let wanted = |entry: &&LogEntry| entry.level <= query.level.unwrap_or(LogLevel::Trace);
        let Some(after) = query.after else {
            let mut last: Vec<_> = entries.iter().rev().filter(wanted).take(limit).cloned().collect();
            last.reverse();
            return LogPage { entries: last, next: newest };
        };
        // A number beyond the newest is from before a restart. Start over, instead of waiting until the numbers catch
        // up.
        let after = if after > newest { 0 } else { after };
        let from = entries.partition_point(|entry| entry.seq <= after);
        let found: Vec<_> = entries.range(from..).filter(wanted).take(limit).cloned().collect();
        let next = found.last().filter(|_| found.len() == limit).map_or(newest, |last| last.seq);
        LogPage { entries: found, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: LogLevel) -> LogEntry {
        LogEntry { seq: 0, ts_ms: 0, level, target: String::new(), message: String::new(), fields: Default::default() }
    }

    fn after(after: u64, limit: u32) -> LogQuery {
        LogQuery { after: Some(after), limit: Some(limit), ..LogQuery::default() }
    }

    fn seqs(page: &LogPage) -> Vec<u64> {
        page.entries.iter().map(|entry| entry.seq).collect()
    }

    #[tokio::test]
    async fn pages_follow_each_other_and_old_lines_go() {
        let ring = LogRing::default();
        (0..LOG_RING_ENTRIES_MAX + 5).for_each(|_| ring.push(line(LogLevel::Info)));
        let first = ring.page(&after(0, 3)).await;
        assert_eq!((seqs(&first), first.next), (vec![6, 7, 8], 8));
        assert_eq!(seqs(&ring.page(&after(first.next, 2)).await), [9, 10]);
        let newest = ring.page(&LogQuery { limit: Some(2), ..LogQuery::default() }).await;
        assert_eq!((seqs(&newest), newest.next), (vec![2004, 2005], 2005));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_first_line_that_is_wanted() {
        let ring = LogRing::default();
        let query = LogQuery { level: Some(LogLevel::Warn), wait_ms: Some(5_000), ..after(0, 10) };
        let later = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            ring.push(line(LogLevel::Debug));
            tokio::time::sleep(Duration::from_millis(20)).await;
            ring.push(line(LogLevel::Error));
        };
        let (page, ()) = tokio::join!(ring.page(&query), later);
        assert_eq!((seqs(&page), page.next), (vec![2], 2));
    }

    #[tokio::test]
    async fn closing_answers_who_waits() {
        let ring = LogRing::default();
        ring.close();
        let query = LogQuery { wait_ms: Some(30_000), ..after(0, 10) };
        assert!(ring.page(&query).await.entries.is_empty());
    }
}
