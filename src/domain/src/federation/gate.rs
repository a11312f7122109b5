//! How many requests of other servers are worked on at a time: so many of each, a few more wait, and the rest are turned away.
//! One server that asks a lot does not keep others waiting.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hearth_base::{Reason, Result, error::refuse, limits};
use parking_lot::Mutex;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How soon a server that was turned away may come back, in milliseconds.
const RETRY_MS: u64 = 5_000;
/// Servers beyond which those are forgotten that ask nothing now.
const SERVERS_TIDIED_AT: usize = 1_024;

/// The gate.
#[derive(Debug)]
pub struct Gate {
    proving: Arc<Semaphore>,
    servers: Mutex<HashMap<OwnedServerName, Weak<Turns>>>,
}

impl Default for Gate {
    fn default() -> Self {
        let proving = Arc::new(Semaphore::new(limits::FEDERATION_PROVING_MAX));
        Self { proving, servers: Mutex::default() }
    }
}

/// The turns of one server.
#[derive(Debug)]
struct Turns {
    working: Arc<Semaphore>,
    /// Those who work and those who wait.
    here: Arc<Semaphore>,
}

/// A request that is worked on; the turn ends with it.
#[derive(Debug)]
pub struct Turn {
    _here: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
    _turns: Arc<Turns>,
}

impl Gate {
    /// Lets a request in whose signature is to be checked; until then it is nobody's. `M_LIMIT_EXCEEDED` when too many are
    /// being checked.
    pub fn prove(&self) -> Result<OwnedSemaphorePermit> {
        self.proving.clone().try_acquire_owned().map_err(|_| busy())
    }

    /// Waits for the turn of a server's request. `M_LIMIT_EXCEEDED` when too many of its requests wait, or for too long.
    pub async fn enter(&self, server: &ServerName) -> Result<Turn> {
        let turns = self.turns(server);
        let here = turns.here.clone().try_acquire_owned().map_err(|_| busy())?;
        let working = turns.working.clone().acquire_owned();
        let working = tokio::time::timeout(Duration::from_millis(limits::FEDERATION_WAIT_MS_MAX), working).await;
        match working {
            Ok(Ok(working)) => Ok(Turn { _here: here, _working: working, _turns: turns }),
            _ => Err(busy()),
        }
    }

    fn turns(&self, server: &ServerName) -> Arc<Turns> {
        let mut servers = self.servers.lock();
        if let Some(turns) = servers.get(server).and_then(Weak::upgrade) {
            return turns;
        }
        if servers.len() >= SERVERS_TIDIED_AT {
            servers.retain(|_, turns| turns.strong_count() > 0);
        }
        let most = limits::FEDERATION_REQUESTS_PER_SERVER_MAX;
        let turns = Arc::new(Turns {
            working: Arc::new(Semaphore::new(most)),
            here: Arc::new(Semaphore::new(most + limits::FEDERATION_WAITING_PER_SERVER_MAX)),
        });
        servers.insert(server.to_owned(), Arc::downgrade(&turns));
        turns
    }
}

fn busy() -> hearth_base::Error {
    let message = "This server is answering too many requests of yours already: try again later.";
    refuse(Reason::LimitExceeded { retry_after_ms: RETRY_MS }, message)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_server_does_not_keep_others_waiting() {
        let gate = Gate::default();
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
