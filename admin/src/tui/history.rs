//! Activity of the server, computed from counters in successive status reports.

use std::collections::VecDeque;

use crate::wire::Status;

/// Samples kept: ten minutes at one per five seconds.
const SAMPLES_MAX: usize = 120;

/// Rates per minute, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    last: Option<(u64, u64, u64)>,
    /// Events stored per minute.
    pub(crate) events: VecDeque<u64>,
    /// Database commits per minute.
    pub(crate) commits: VecDeque<u64>,
}

impl History {
    /// Adds a report. The first one, and one after a restart, only sets the baseline.
    pub(crate) fn push(&mut self, status: &Status) {
        let now = (status.now_ms, status.events, status.commits);
        let Some(then) = self.last.replace(now) else { return };
        if now.0 <= then.0 || now.1 < then.1 || now.2 < then.2 {
            return;
        }
        let per_minute = |from: u64, to: u64| (to - from).saturating_mul(60_000) / (now.0 - then.0);
        push_capped(&mut self.events, per_minute(then.1, now.1));
        push_capped(&mut self.commits, per_minute(then.2, now.2));
    }
}

fn push_capped(samples: &mut VecDeque<u64>, sample: u64) {
    if samples.len() == SAMPLES_MAX {
        samples.pop_front();
    }
    samples.push_back(sample);
}
