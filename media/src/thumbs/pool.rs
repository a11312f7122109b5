//! The thumbnail threads: few, with a bounded queue, and none when idle.
//!
//! Not tokio's blocking threads, of which there are many: each decoder may take 64 MiB, so the number of
//! threads bounds the memory.

use super::input::Source;
use super::make::{OriginalUse, make};
use super::{Spec, Thumb, ThumbError, ThumbnailOutcome};
use crate::limits::THUMB_THREAD_IDLE_SECONDS;
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Makes thumbnails on threads of its own. Cheap to clone; clones share threads and queue.
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
    /// Threads that wait for work or have just started. Each takes one job from the queue next.
    idle_threads: usize,
}

struct Job {
    source: Source,
    spec: Spec,
    original: OriginalUse,
    answer: oneshot::Sender<Result<ThumbnailOutcome, ThumbError>>,
}

impl Thumbnailer {
    /// A pool of at most `threads` threads, each of which takes up to about 64 MiB while working. Accepts
    /// images of at most `max_pixels`, and at most `queue` waiting requests. Starts no thread yet.
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

    /// Makes a thumbnail. Dropping the future removes the request from the queue.
    ///
    /// # Errors
    /// See [`ThumbError`]; [`ThumbError::Busy`] when the queue is full.
    pub async fn thumbnail(&self, source: Source, spec: Spec) -> Result<ThumbnailOutcome, ThumbError> {
        self.made(source, spec, OriginalUse::IfSmall).await
    }

    /// Encodes an image anew, at most as large as the thumbnail would be: for images of which no original byte may be
    /// served. Dropping the future removes the request from the queue.
    ///
    /// # Errors
    /// As [`Self::thumbnail`].
    pub async fn encode_anew(&self, source: Source, spec: Spec) -> Result<Thumb, ThumbError> {
        match self.made(source, spec, OriginalUse::Never).await? {
            ThumbnailOutcome::Made(thumb) => Ok(thumb),
            ThumbnailOutcome::Original { .. } => Err(io::Error::other("an original was to be encoded anew").into()),
        }
    }

    async fn made(&self, source: Source, spec: Spec, original: OriginalUse) -> Result<ThumbnailOutcome, ThumbError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job { source, spec, original, answer })?;
        // The sender is dropped without a result only if a thread dies outside of the decoders.
        answered.await.unwrap_or_else(|_| Err(io::Error::other("a thumbnail thread ended").into()))
    }

    /// Current number of threads, working or idle. For metrics.
    pub fn threads(&self) -> usize {
        self.shared.lock().threads
    }

    fn submit(&self, job: Job) -> Result<(), ThumbError> {
        let mut state = self.shared.lock();
        state.queue.retain(|job| !job.answer.is_closed());
        // Idle threads are about to take queued jobs, so those do not count as waiting.
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
                // An existing thread takes the job later.
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
        // No code panics while holding the lock, and the state would be consistent if it did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The main loop of a thread: takes jobs until it has been idle for the idle time.
    fn work(&self) {
        while let Some(job) = self.next_job() {
            if !job.answer.is_closed() {
                // Decoders are third-party code on untrusted input: a panic fails one image, not the thread.
                let made =
                    catch_unwind(AssertUnwindSafe(|| make(job.source, &job.spec, self.max_pixels, job.original)))
                        .unwrap_or_else(|_| Err(ThumbError::Unreadable("its decoder failed".to_owned())));
                // Fails only if the request was cancelled.
                let _ = job.answer.send(made);
            }
            self.lock().idle_threads += 1;
        }
    }

    /// Waits for a job. `None` means that the thread is no longer counted and must end. The decision is made
    /// under the lock, so no job is queued for a thread that is ending.
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
