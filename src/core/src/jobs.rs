//! Background jobs that outlive the request that started them: progress and cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::Millis;
use hearth_base::limits::core::JOBS_FINISHED_MAX;
use parking_lot::Mutex;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In progress.
    Running,
    /// Completed.
    Done,
    /// Failed; the message has the reason.
    Failed,
    /// Cancelled by an administrator.
    Cancelled,
}

/// A job, as the admin API shows it.
#[derive(Debug, Clone)]
pub struct Job {
    /// Number of the job, unique until the server restarts.
    pub id: u64,
    /// The kind of work.
    pub name: &'static str,
    /// Its state.
    pub state: State,
    /// Progress from 0 to 1.
    pub progress: f64,
    /// The current step, or the reason of the failure.
    pub message: String,
    /// Start time.
    pub started_ms: Millis,
}

#[derive(Debug)]
struct Entry {
    shown: Mutex<Job>,
    cancelled: AtomicBool,
}

/// All jobs since the server started.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<Vec<Arc<Entry>>>);

/// The worker's side of a job. Dropped without [`Handle::done`], the job shows as failed.
#[derive(Debug)]
pub struct Handle(Arc<Entry>);

impl Jobs {
    /// Registers a job; the caller does the work.
    pub fn begin(&self, name: &'static str, now_ms: Millis) -> Handle {
        let mut jobs = self.0.lock();
        let id = jobs.last().map_or(1, |last| last.shown.lock().id + 1);
        let job = Job { id, name, state: State::Running, progress: 0.0, message: String::new(), started_ms: now_ms };
        let entry = Arc::new(Entry { shown: Mutex::new(job), cancelled: AtomicBool::new(false) });
        jobs.push(Arc::clone(&entry));
        let finished = jobs.iter().filter(|job| job.shown.lock().state != State::Running).count();
        // The oldest finished jobs are removed; running ones never.
        let mut superfluous = finished.saturating_sub(JOBS_FINISHED_MAX);
        jobs.retain(|job| {
            let goes = superfluous > 0 && job.shown.lock().state != State::Running;
            superfluous -= usize::from(goes);
            !goes
        });
        Handle(entry)
    }

    /// Running jobs, then finished ones; newest first in each group.
    #[must_use]
    pub fn list(&self) -> Vec<Job> {
        let mut all: Vec<Job> = self.0.lock().iter().rev().map(|job| job.shown.lock().clone()).collect();
        all.sort_by_key(|job| job.state != State::Running);
        all
    }

    /// Requests cancellation: the job stops at its next step. `None` if there is no such job.
    pub fn cancel(&self, id: u64) -> Option<Job> {
        let jobs = self.0.lock();
        let job = jobs.iter().find(|job| job.shown.lock().id == id)?;
        job.cancelled.store(true, Ordering::Relaxed);
        Some(job.shown.lock().clone())
    }
}

impl Handle {
    /// Reports progress (0 to 1) and the current step. Returns false when the job must stop.
    pub fn step(&self, progress: f64, message: impl Into<String>) -> bool {
        let mut shown = self.0.shown.lock();
        shown.progress = progress.clamp(0.0, 1.0);
        shown.message = message.into();
        !self.0.cancelled.load(Ordering::Relaxed)
    }

    /// Ends the job with its final state.
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
        (0..JOBS_FINISHED_MAX).for_each(|_| jobs.begin("short", 3).done(State::Done, ""));
        let running = jobs.begin("last", 4);
        let shown = jobs.list();
        assert_eq!(shown.iter().map(|job| job.name).take(3).collect::<Vec<_>>(), ["last", "first", "short"]);
        assert_eq!(shown.len(), JOBS_FINISHED_MAX + 2, "the lost one is forgotten");
        running.done(State::Cancelled, "");
        first.done(State::Cancelled, "");
    }
}
