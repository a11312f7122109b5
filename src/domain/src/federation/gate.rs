//! How many requests of other servers are worked on at a time: so many of each, a few more wait, and the rest are turned away.
//! One server that asks a lot does not keep others waiting. And how much of what nobody has checked yet is held in memory.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hearth_base::{Reason, Result, error::refuse, limits};
use ruma::{OwnedServerName, ServerName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::turns::InUse;

/// How soon a server that was turned away may come back, in milliseconds.
const RETRY_MS: u64 = 5_000;

/// How long a request waits for room for its body.
const ROOM_WAIT: Duration = Duration::from_secs(10);

/// The gate.
#[derive(Debug)]
pub struct RequestGate {
    strangers: Semaphore,
    /// Room for bodies, in units of the size of a small one.
    room: Arc<Semaphore>,
    servers: InUse<OwnedServerName, ServerPermits>,
}

impl Default for RequestGate {
    fn default() -> Self {
        Self {
            strangers: Semaphore::new(limits::FEDERATION_STRANGERS_MAX),
            room: Arc::new(Semaphore::new(limits::FEDERATION_BODIES_BYTES_MAX / limits::FEDERATION_SMALL_BODY_BYTES)),
            servers: InUse::default(),
        }
    }
}

/// The turns of one server.
#[derive(Debug)]
struct ServerPermits {
    working: Arc<Semaphore>,
    /// Those who work and those who wait.
    here: Arc<Semaphore>,
}

/// A request that is worked on; the turn ends with it.
#[derive(Debug)]
pub struct RequestPermit {
    _here: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
    _turns: Arc<ServerPermits>,
}

impl RequestGate {
    /// Looks up whose key something is signed with. What is known at once is never kept waiting by what has to be asked for,
    /// of which only so much is asked at a time: `M_LIMIT_EXCEEDED` beyond that.
    pub async fn look_up<T>(&self, looking: impl Future<Output = Result<T>>) -> Result<T> {
        let mut looking = std::pin::pin!(looking);
        if let Some(found) = looking.as_mut().now_or_never() {
            return found;
        }
        let _stranger = self.strangers.try_acquire().map_err(|_| busy())?;
        looking.await
    }

    /// Waits for room for a body of so many bytes. None for a small one, which needs none. `M_LIMIT_EXCEEDED` when there is no
    /// room for too long.
    pub async fn reserve(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>> {
        if bytes <= limits::FEDERATION_SMALL_BODY_BYTES {
            return Ok(None);
        }
        let units = bytes.min(limits::FEDERATION_BODIES_BYTES_MAX).div_ceil(limits::FEDERATION_SMALL_BODY_BYTES);
        let room = self.room.clone().acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX));
        match tokio::time::timeout(ROOM_WAIT, room).await {
            Ok(Ok(room)) => Ok(Some(room)),
            _ => Err(busy()),
        }
    }

    /// Waits for the turn of a server's request. `M_LIMIT_EXCEEDED` when too many of its requests wait, or for too long.
    pub async fn enter(&self, server: &ServerName) -> Result<RequestPermit> {
        let turns = self.turns(server);
        let here = turns.here.clone().try_acquire_owned().map_err(|_| busy())?;
        let working = turns.working.clone().acquire_owned();
        let working = tokio::time::timeout(Duration::from_millis(limits::FEDERATION_WAIT_MS_MAX), working).await;
        match working {
            Ok(Ok(working)) => Ok(RequestPermit { _here: here, _working: working, _turns: turns }),
            _ => Err(busy()),
        }
    }

    fn turns(&self, server: &ServerName) -> Arc<ServerPermits> {
        let most = limits::FEDERATION_REQUESTS_PER_SERVER_MAX;
        self.servers.get(server.to_owned(), || ServerPermits {
            working: Arc::new(Semaphore::new(most)),
            here: Arc::new(Semaphore::new(most + limits::FEDERATION_WAITING_PER_SERVER_MAX)),
        })
    }
}

fn busy() -> hearth_base::Error {
    let message = "This server is answering too many requests of yours already: try again later.";
    refuse(Reason::LimitExceeded { retry_after_ms: RETRY_MS }, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_room_and_small_ones_do_not() {
        let gate = RequestGate::default();
        let all = gate.reserve(limits::FEDERATION_BODIES_BYTES_MAX).await.expect("it is empty");
        assert!(all.is_some());
        assert!(gate.reserve(1_000).await.expect("a small one").is_none());
        gate.reserve(limits::TRANSACTION_BYTES_MAX).await.expect_err("there is no room");
        drop(all);
        gate.reserve(limits::TRANSACTION_BYTES_MAX).await.expect("there is room again");
    }

    #[tokio::test]
    async fn strangers_do_not_keep_friends_waiting() {
        let gate = RequestGate::default();
        let forever = || std::future::pending::<Result<()>>();
        let mut asking: Vec<_> =
            (0..limits::FEDERATION_STRANGERS_MAX).map(|_| Box::pin(gate.look_up(forever()))).collect();
        asking.iter_mut().for_each(|asking| assert!(asking.as_mut().now_or_never().is_none()));
        gate.look_up(forever()).await.expect_err("too many are being asked");
        gate.look_up(std::future::ready(Ok(()))).await.expect("what is known is known");
    }

    #[tokio::test]
    async fn one_server_does_not_keep_others_waiting() {
        let gate = RequestGate::default();
        let (loud, quiet) = (ruma::server_name!("loud.example"), ruma::server_name!("quiet.example"));
        let mut turns = Vec::new();
        for _ in 0..limits::FEDERATION_REQUESTS_PER_SERVER_MAX {
            turns.push(gate.enter(loud).await.expect("a turn"));
        }
        let waiting: Vec<_> = (0..limits::FEDERATION_WAITING_PER_SERVER_MAX)
            .map(|_| {
                let mut entering = Box::pin(gate.enter(loud));
                assert!(entering.as_mut().now_or_never().is_none(), "it waits");
                entering
            })
            .collect();
        let reason = gate.enter(loud).await.expect_err("the line is full").reason();
        assert_eq!(reason, Some(Reason::LimitExceeded { retry_after_ms: RETRY_MS }));
        gate.enter(quiet).await.expect("another server has its own turns");
        drop(turns.pop());
        waiting.into_iter().next().expect("one waits").await.expect("the first in line has its turn");
    }
}
