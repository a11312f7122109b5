//! Admission control for requests of other servers. For each server a few requests run, a few more wait, and the rest
//! are refused, so that one busy server does not delay the others.

use hearth_base::boxed;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hearth_base::{Reason, Result, error::refuse, limits};
use hearth_core::turns::InUse;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// `retry_after_ms` for refused servers, in milliseconds.
const RETRY_MS: u64 = 5_000;

/// Concurrency limits for federation requests.
#[derive(Debug)]
pub struct RequestGate {
    strangers: Semaphore,
    servers: InUse<OwnedServerName, ServerPermits>,
}

impl Default for RequestGate {
    fn default() -> Self {
        Self { strangers: Semaphore::new(limits::FEDERATION_STRANGERS_MAX), servers: InUse::default() }
    }
}

/// The permits of one server.
#[derive(Debug)]
struct ServerPermits {
    working: Arc<Semaphore>,
    /// Permits for running plus waiting requests.
    here: Arc<Semaphore>,
}

/// Permit of a running request; dropping it admits the next.
#[derive(Debug)]
pub struct RequestPermit {
    _here: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
    // Keeps the map entry alive: without it the next request of the server would get new permits.
    _turns: Arc<ServerPermits>,
}

impl RequestGate {
    /// Resolves the key of a request's signature. A key in memory never waits for one that has to be fetched; only a
    /// bounded number of fetches runs at a time: `M_LIMIT_EXCEEDED` beyond it.
    pub async fn look_up<T>(&self, looking: impl Future<Output = Result<T>>) -> Result<T> {
        let mut looking = std::pin::pin!(looking);
        // A cached key resolves on the first poll, and takes no permit.
        if let Some(found) = looking.as_mut().now_or_never() {
            return found;
        }
        let _stranger = self.strangers.try_acquire().map_err(|_| busy())?;
        looking.await
    }

    /// Waits for a permit for a server's request. `M_LIMIT_EXCEEDED` when too many of its requests wait, or after a
    /// timeout.
    #[boxed]
    pub async fn enter(&self, server: &ServerName) -> Result<RequestPermit> {
        let turns = self.turns(server);
        // Taken first and without waiting: it bounds the queue for the second permit.
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
