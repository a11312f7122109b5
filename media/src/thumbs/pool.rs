//! The threads that make thumbnails: few, with a bounded queue, and none while nobody asks.
//!
//! Plain threads and not tokio's blocking ones: those are many, and each decoder may take 64 MiB.

use super::input::Source;
use super::make::make;
use super::{Outcome, Spec, ThumbError};
use crate::limits::THUMB_THREAD_IDLE_SECONDS;
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Makes thumbnails on its own threads. Cheap to clone; clones share threads and queue.
#[derive(Clone)]
pub struct Thumbnailer {
    shared: Arc<Shared>,
}

struct Shared {
    threads_max: usize,
    queue_max: usize,
    max_pixels: u64,
    idle_time: Duration,
    state: Mutex<State>,
    work_came: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// Waiting for work or just started; each takes one job from the queue at once.
    idle_threads: usize,
}

struct Job {
    source: Source,
    spec: Spec,
    answer: oneshot::Sender<Result<Outcome, ThumbError>>,
}

impl Thumbnailer {
    /// A pool of at most `threads` threads, each taking up to about 64 MiB while it works, for
    /// pictures of at most `max_pixels`, with at most `queue` requests waiting. Starts no thread yet.
    pub fn new(threads: NonZeroUsize, max_pixels: u64, queue: usize) -> Self {
        Self::with_idle_time(threads, max_pixels, queue, Duration::from_secs(THUMB_THREAD_IDLE_SECONDS))
    }

    pub(super) fn with_idle_time(threads: NonZeroUsize, max_pixels: u64, queue: usize, idle_time: Duration) -> Self {
        Self {
            shared: Arc::new(Shared {
                threads_max: threads.get(),
                queue_max: queue,
                max_pixels,
                idle_time,
                state: Mutex::default(),
                work_came: Condvar::new(),
            }),
        }
    }

    /// Makes a thumbnail of this picture. Dropping the future takes it out of the queue.
    ///
    /// # Errors
    /// See [`ThumbError`]; [`ThumbError::Busy`] when the queue is full.
    pub async fn thumbnail(&self, source: Source, spec: Spec) -> Result<Outcome, ThumbError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job { source, spec, answer })?;
        // The sender only goes away unused when a thread dies outside of the decoders.
        answered.await.unwrap_or_else(|_| Err(io::Error::other("a thumbnail thread ended").into()))
    }

    /// Threads alive now, working or idle; for metrics.
    pub fn threads(&self) -> usize {
        self.shared.lock().threads
    }

    fn submit(&self, job: Job) -> Result<(), ThumbError> {
        let mut state = self.shared.lock();
        state.queue.retain(|job| !job.answer.is_closed());
        // Idle threads are about to take what is queued, so that does not count as waiting.
        let free_threads = state.idle_threads + (self.shared.threads_max - state.threads);
        if state.queue.len() >= self.shared.queue_max + free_threads {
            return Err(ThumbError::Busy);
        }
        if state.queue.len() >= state.idle_threads && state.threads < self.shared.threads_max {
            let shared = self.shared.clone();
            let started = thread::Builder::new().name("thumbnail".to_owned()).spawn(move || shared.work());
            match started {
                Ok(_) => {
                    state.threads += 1;
                    state.idle_threads += 1;
                }
                // Another thread will come to it.
                Err(_) if state.threads > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
        state.queue.push_back(job);
        self.shared.work_came.notify_one();
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock, and the state would be whole if it did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a thread: jobs until there has been none for the idle time.
    fn work(&self) {
        while let Some(job) = self.next_job() {
            if !job.answer.is_closed() {
                // Decoders are foreign code on foreign bytes: a panic there is one failed picture.
                let made = catch_unwind(AssertUnwindSafe(|| make(job.source, &job.spec, self.max_pixels)))
                    .unwrap_or_else(|_| Err(ThumbError::Unreadable("its decoder failed".to_owned())));
                // An error means that nobody waits any more.
                let _ = job.answer.send(made);
            }
            self.lock().idle_threads += 1;
        }
    }

    /// Waits for a job; `None` means that this thread no longer counts and must end.
    fn next_job(&self) -> Option<Job> {
        let (mut state, _) = self
            .work_came
            .wait_timeout_while(self.lock(), self.idle_time, |state| state.queue.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        state.idle_threads -= 1;
        let job = state.queue.pop_front();
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }
}
