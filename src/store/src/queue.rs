//! The queue of the writer: three weighted lanes.
//!
//! A thread that finds its queue empty sleeps on a condition variable; there is no timer.

use std::collections::VecDeque;

pub(crate) use hearth_base::limits::store::QUEUE_JOBS_MAX;
use parking_lot::{Condvar, Mutex};

/// The origin of a write. Clients go first, but no lane starves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A client waits for the answer.
    Client,
    /// Another server waits.
    Federation,
    /// No request waits: maintenance, retention, jobs. Allowed when the disk is full, because it frees space.
    Upkeep,
}

/// Lane of each turn: of 16, eleven are the clients', four federation's, one upkeep's. The turn of an empty lane goes
/// to the first lane that is not empty.
const TURNS: [usize; 16] = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 2];

/// Why a job was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// The store is closed or closing.
    Closed,
    /// [`QUEUE_JOBS_MAX`] jobs wait in the lane.
    Full,
}

/// Lanes of jobs.
#[derive(Debug)]
pub(crate) struct Queue<J, const LANES: usize> {
    state: Mutex<State<J, LANES>>,
    filled: Condvar,
}

#[derive(Debug)]
struct State<J, const LANES: usize> {
    lanes: [VecDeque<J>; LANES],
    waiting: usize,
    turn: usize,
    sleepers: usize,
    closed: bool,
}

impl<J, const LANES: usize> Queue<J, LANES> {
    pub(crate) fn new() -> Self {
        let lanes = std::array::from_fn(|_| VecDeque::new());
        let state = State { lanes, waiting: 0, turn: 0, sleepers: 0, closed: false };
        Self { state: Mutex::new(state), filled: Condvar::new() }
    }

    /// Puts a job at the end of a lane.
    pub(crate) fn push(&self, lane: usize, job: J) -> Result<(), Turned> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Turned::Closed);
        }
        if state.lanes[lane].len() >= QUEUE_JOBS_MAX {
            return Err(Turned::Full);
        }
        state.lanes[lane].push_back(job);
        state.waiting += 1;
        let wake = state.sleepers > 0;
        // Notify without the lock, or the woken thread would block on it at once. `sleepers` was read under it, and a
        // thread checks the queue again before it sleeps, so no wake is lost.
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// The next job, sleeping until there is one; `None` when the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<J> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.next() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state.sleepers += 1;
            self.filled.wait(&mut state);
            state.sleepers -= 1;
        }
    }

    /// The next job if one waits.
    pub(crate) fn try_pop(&self) -> Option<J> {
        self.state.lock().next()
    }

    /// Refuses further jobs. Those that wait are still handed out, so a shutdown finishes them.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
    }

    /// Number of waiting jobs in each lane.
    pub(crate) fn lengths(&self) -> [usize; LANES] {
        let state = self.state.lock();
        std::array::from_fn(|lane| state.lanes[lane].len())
    }
}

impl<J, const LANES: usize> State<J, LANES> {
    fn next(&mut self) -> Option<J> {
        if self.waiting == 0 {
            return None;
        }
        self.waiting -= 1;
        let turn = TURNS[self.turn % TURNS.len()];
        self.turn = self.turn.wrapping_add(1);
        if let Some(job) = self.lanes.get_mut(turn).and_then(VecDeque::pop_front) {
            return Some(job);
        }
        self.lanes.iter_mut().find_map(VecDeque::pop_front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_go_first_and_no_one_starves() {
        let queue = Queue::<usize, 3>::new();
        for _ in 0..160 {
            for lane in 0..3 {
                queue.push(lane, lane).unwrap();
            }
        }
        let mut taken = [0; 3];
        for _ in 0..160 {
            taken[queue.try_pop().unwrap()] += 1;
        }
        assert_eq!(taken, [110, 40, 10]);
    }

    #[test]
    fn a_full_lane_turns_jobs_away_and_a_closed_queue_still_empties() {
        let queue = Queue::<usize, 1>::new();
        for job in 0..QUEUE_JOBS_MAX {
            queue.push(0, job).unwrap();
        }
        assert_eq!(queue.push(0, 0), Err(Turned::Full));
        queue.close();
        assert_eq!(queue.push(0, 0), Err(Turned::Closed));
        assert_eq!((0..QUEUE_JOBS_MAX).map_while(|_| queue.pop()).count(), QUEUE_JOBS_MAX);
        assert_eq!(queue.pop(), None);
    }
}
