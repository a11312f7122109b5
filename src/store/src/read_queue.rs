//! The queue of the reader threads: fast reads, and slow ones, which never occupy all readers.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

use crate::queue::{QUEUE_JOBS_MAX, Turned};
use crate::readers::WaitingRead;

/// While reads of both kinds wait, every so many turns one is a slow read's; the others are the fast ones'.
const SLOW_EVERY_TURNS: usize = 4;

/// Reads that wait for a reader.
pub(crate) struct ReadQueue {
    state: Mutex<State>,
    filled: Condvar,
    /// Most slow reads that run at the same time: all readers but one, so that fast reads never wait for a slow one.
    slow_max: usize,
}

#[derive(Default)]
struct State {
    fast: VecDeque<WaitingRead>,
    slow: VecDeque<WaitingRead>,
    slow_running: usize,
    turn: usize,
    sleepers: usize,
    closed: bool,
}

impl ReadQueue {
    /// The queue of so many readers.
    pub(crate) fn new(readers: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), slow_max: readers.saturating_sub(1).max(1) }
    }

    /// Puts a read at the end.
    pub(crate) fn push(&self, read: WaitingRead) -> Result<(), Turned> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Turned::Closed);
        }
        let lane = if read.slow { &mut state.slow } else { &mut state.fast };
        if lane.len() >= QUEUE_JOBS_MAX {
            return Err(Turned::Full);
        }
        lane.push_back(read);
        let wake = state.sleepers > 0;
        // Notify without the lock, or the woken thread would block on it at once. `sleepers` was read under it, and a
        // thread checks the queue again before it sleeps, so no wake is lost.
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// The next read, sleeping until there is one; `None` when the queue is closed. After a slow read the reader calls
    /// [`ReadQueue::slow_ended`].
    pub(crate) fn pop(&self) -> Option<WaitingRead> {
        let mut state = self.state.lock();
        loop {
            if let Some(read) = state.next(self.slow_max) {
                return Some(read);
            }
            if state.closed {
                return None;
            }
            state.sleepers += 1;
            self.filled.wait(&mut state);
            state.sleepers -= 1;
        }
    }

    /// The next fast read if one waits.
    pub(crate) fn try_pop_fast(&self) -> Option<WaitingRead> {
        self.state.lock().fast.pop_front()
    }

    /// Lets the next slow read start.
    pub(crate) fn slow_ended(&self) {
        let mut state = self.state.lock();
        state.slow_running = state.slow_running.saturating_sub(1);
        // The caller may take a fast read next.
        if !state.slow.is_empty() && state.sleepers > 0 {
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Refuses further reads, and returns those that wait.
    pub(crate) fn close(&self) -> Vec<WaitingRead> {
        let mut state = self.state.lock();
        state.closed = true;
        let State { fast, slow, .. } = &mut *state;
        let waiting = fast.drain(..).chain(slow.drain(..)).collect();
        self.filled.notify_all();
        waiting
    }

    /// Number of fast reads that wait.
    pub(crate) fn fast_waiting(&self) -> usize {
        self.state.lock().fast.len()
    }

    /// Number of reads that wait.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.state.lock();
        state.fast.len() + state.slow.len()
    }
}

impl State {
    fn next(&mut self, slow_max: usize) -> Option<WaitingRead> {
        let may_slow = self.slow_running < slow_max && !self.slow.is_empty();
        self.turn = self.turn.wrapping_add(1);
        let is_slow_turn = may_slow && (self.fast.is_empty() || self.turn.is_multiple_of(SLOW_EVERY_TURNS));
        if !is_slow_turn {
            return self.fast.pop_front();
        }
        let read = self.slow.pop_front();
        self.slow_running += usize::from(read.is_some());
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job;

    fn waiting(name: &'static str, slow: bool) -> WaitingRead {
        WaitingRead { job: job::read(name, |_| Ok(())).0, slow }
    }

    fn push(queue: &ReadQueue, name: &'static str, slow: bool) {
        queue.push(waiting(name, slow)).unwrap();
    }

    #[test]
    fn slow_reads_leave_a_reader_for_fast_ones() {
        let queue = ReadQueue::new(3);
        (0..5).for_each(|_| push(&queue, "slow", true));
        assert_eq!((queue.pop().unwrap().job.name, queue.pop().unwrap().job.name), ("slow", "slow"));
        push(&queue, "fast", false);
        assert_eq!(queue.pop().unwrap().job.name, "fast", "the third reader takes no slow read");
        push(&queue, "fast", false);
        assert_eq!(queue.pop().unwrap().job.name, "fast");
        queue.slow_ended();
        assert_eq!(queue.pop().unwrap().job.name, "slow");
    }

    #[test]
    fn neither_kind_starves() {
        let queue = ReadQueue::new(2);
        for _ in 0..100 {
            push(&queue, "slow", true);
            push(&queue, "fast", false);
        }
        let mut slow = 0;
        for _ in 0..40 {
            let read = queue.pop().unwrap();
            if read.slow {
                slow += 1;
                queue.slow_ended();
            }
        }
        assert_eq!(slow, 10);
    }

    #[test]
    fn a_single_reader_reads_both_and_closing_returns_the_rest() {
        let queue = ReadQueue::new(1);
        push(&queue, "slow", true);
        assert_eq!(queue.pop().unwrap().job.name, "slow");
        queue.slow_ended();
        push(&queue, "slow", true);
        push(&queue, "fast", false);
        assert_eq!(queue.close().len(), 2);
        assert!(queue.pop().is_none());
        assert_eq!(queue.push(waiting("late", false)), Err(Turned::Closed));
    }
}
