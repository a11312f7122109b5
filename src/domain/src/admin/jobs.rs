//! Long work that outlives the request that began it: what is being done, how far it is, and that it should stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::Millis;
use parking_lot::Mutex;

/// Finished jobs that are remembered.
const FINISHED_MAX: usize = 50;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// At work.
    Running,
    /// Finished as intended.
    Done,
    /// Gave up; the message says why.
    Failed,
    /// Stopped on request.
    Cancelled,
}

/// A job, as it is shown.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number in this run of the server.
    pub id: u64,
    /// What it does.
    pub name: &'static str,
    /// Where it stands.
    pub state: State,
    /// Share of the work that is done, 0 to 1.
    pub progress: f64,
    /// What it is at, or why it failed.
    pub message: String,
    /// When it began.
    pub started_ms: Millis,
}

#[derive(Debug)]
struct Entry {
    shown: Mutex<Job>,
    cancelled: AtomicBool,
}

/// All jobs of this run.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<Vec<Arc<Entry>>>);

/// What the work holds of its job. Dropped without [`Handle::done`], it shows as failed.
#[derive(Debug)]
pub struct Handle(Arc<Entry>);

impl Jobs {
    /// Begins a job; the caller does the work.
    pub fn begin(&self, name: &'static str, now_ms: Millis) -> Handle {
        let mut jobs = self.0.lock();
        let id = jobs.last().map_or(1, |last| last.shown.lock().id + 1);
        let job = Job { id, name, state: State::Running, progress: 0.0, message: String::new(), started_ms: now_ms };
        let entry = Arc::new(Entry { shown: Mutex::new(job), cancelled: AtomicBool::new(false) });
        jobs.push(Arc::clone(&entry));
        let finished = jobs.iter().filter(|job| job.shown.lock().state != State::Running).count();
        let mut superfluous = finished.saturating_sub(FINISHED_MAX);
        jobs.retain(|job| {
            let goes = superfluous > 0 && job.shown.lock().state != State::Running;
            superfluous -= usize::from(goes);
            !goes
        });
        Handle(entry)
    }

    /// Running jobs first, then the finished ones; the newest first in each.
    #[must_use]
    pub fn list(&self) -> Vec<Job> {
        let mut all: Vec<Job> = self.0.lock().iter().rev().map(|job| job.shown.lock().clone()).collect();
        all.sort_by_key(|job| job.state != State::Running);
        all
    }

    /// Asks a job to stop, which it does at its next step; none if there is no such job.
    pub fn cancel(&self, id: u64) -> Option<Job> {
        let jobs = self.0.lock();
        let job = jobs.iter().find(|job| job.shown.lock().id == id)?;
        job.cancelled.store(true, Ordering::Relaxed);
        Some(job.shown.lock().clone())
    }
}

impl Handle {
    /// Shows how far the work is, from 0 to 1, and what it is at. False when it should stop.
    pub fn step(&self, progress: f64, message: impl Into<String>) -> bool {
        let mut shown = self.0.shown.lock();
        shown.progress = progress.clamp(0.0, 1.0);
        shown.message = message.into();
        !self.0.cancelled.load(Ordering::Relaxed)
    }

    /// The work has ended, one way or another.
    pub fn done(self, state: State, message: impl Into<String>) {
        let mut shown = self.0.shown.lock();
        shown.state = state;
        shown.message = message.into();
        if state == State::Done {
            shown.progress = 1.0;
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut shown = self.0.shown.lock();
        if shown.state == State::Running {
            shown.state = State::Failed;
            "It ended without saying how; the log may say more.".clone_into(&mut shown.message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_cancelled_shown_and_in_the_end_forgotten() {
        let jobs = Jobs::default();
        let first = jobs.begin("first", 1);
        assert!(first.step(0.5, "half"));
        assert!(jobs.cancel(1).is_some() && jobs.cancel(9).is_none());
        assert!(!first.step(0.6, "more"));
        drop(jobs.begin("lost", 2));
        (0..FINISHED_MAX).for_each(|_| jobs.begin("short", 3).done(State::Done, ""));
        let running = jobs.begin("last", 4);
        let shown = jobs.list();
        assert_eq!(shown.iter().map(|job| job.name).take(3).collect::<Vec<_>>(), ["last", "first", "short"]);
        assert_eq!(shown.len(), FINISHED_MAX + 2, "the lost one is forgotten");
        running.done(State::Cancelled, "");
        first.done(State::Cancelled, "");
    }
}
