//! A simulated network between servers in one process: requests go directly to the other server's router, immediately,
//! or delayed, duplicated or lost, as its faults specify.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt;
use hearth::Running;
use hearth_base::config::Resource;
use hearth_base::random::SeededRandom;
use hearth_base::{Error, Random, Reason, Result, error::refuse};
use hearth_domain::ports::{Call, Eventually, Network, RemoteResponse};
use hearth_http::App;
use hearth_http::edge::Counters;
use parking_lot::Mutex;
use tower::ServiceExt;

use super::Steps;

/// Faults of the network: what happens to which percentage of requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Requests that never arrive.
    pub(crate) lost: u64,
    /// Requests that arrive and whose response is lost.
    pub(crate) unanswered: u64,
    /// Requests that arrive twice.
    pub(crate) doubled: u64,
    /// The maximum delay of a request or a response, in milliseconds.
    pub(crate) late_ms: u64,
}

/// All servers of a cluster, and the partitions between them.
pub(crate) struct SimulatedNetwork {
    servers: Mutex<HashMap<String, Router>>,
    /// Servers that are starting and not reachable yet. A real server listens before its tasks begin; here a server is
    /// reachable only after its start, so requests to it wait for that.
    starting: Mutex<HashSet<String>>,
    parted: Mutex<HashSet<(String, String)>>,
    faults: Mutex<Faults>,
    chance: SeededRandom,
    /// Awaited before each request of a server, by the server's name.
    steps: Mutex<HashMap<String, Arc<Steps>>>,
    /// Every request, for tests of the wire format: origin, destination, method and target.
    seen: Mutex<Vec<(String, Call)>>,
}

impl std::fmt::Debug for SimulatedNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Streets")
    }
}

impl SimulatedNetwork {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            servers: Mutex::default(),
            starting: Mutex::default(),
            parted: Mutex::default(),
            faults: Mutex::default(),
            chance: SeededRandom::new(seed),
            steps: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    /// The outbound side of one server.
    pub(crate) fn link(self: &Arc<Self>, from: &str) -> Arc<ServerLink> {
        Arc::new(ServerLink { from: from.to_owned(), network: self.clone() })
    }

    /// Sets the faults of the network.
    pub(crate) fn faults(&self, faults: Faults) {
        *self.faults.lock() = faults;
    }

    /// Partitions two servers from each other.
    pub(crate) fn part(&self, one: &str, other: &str) {
        let mut parted = self.parted.lock();
        parted.insert((one.to_owned(), other.to_owned()));
        parted.insert((other.to_owned(), one.to_owned()));
    }

    /// Drops requests from one server to another; requests in the other direction still work.
    pub(crate) fn cut(&self, from: &str, to: &str) {
        self.parted.lock().insert((from.to_owned(), to.to_owned()));
    }

    /// Removes all partitions and faults.
    pub(crate) fn heal(&self) {
        self.parted.lock().clear();
        self.faults(Faults::default());
    }

    /// Every request so far, with its origin.
    pub(crate) fn seen(&self) -> Vec<(String, Call)> {
        self.seen.lock().clone()
    }

    /// Delivers a request that a test has built, unchanged.
    pub(crate) async fn deliver(&self, call: &Call) -> Result<(u16, Vec<u8>)> {
        let answer = self.enter(call).await?;
        let status = answer.status;
        let mut body = Vec::new();
        let mut pieces = answer.body;
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece?);
        }
        Ok((status, body))
    }

    fn happens(&self, percent: u64) -> bool {
        percent > 0 && self.number_below(100) < percent
    }

    fn number_below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound.max(1)
    }

    async fn delay(&self, faults: Faults) {
        if faults.late_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.number_below(faults.late_ms + 1))).await;
        }
    }

    fn is_parted(&self, from: &str, to: &str) -> bool {
        self.parted.lock().contains(&(from.to_owned(), to.to_owned()))
    }

    /// Counts a server's requests as steps.
    fn count_steps(&self, from: &str, steps: Arc<Steps>) {
        self.steps.lock().insert(from.to_owned(), steps);
    }

    async fn carry(self: Arc<Self>, from: String, call: Call) -> Result<RemoteResponse> {
        let steps = self.steps.lock().get(&from).cloned();
        if let Some(steps) = steps {
            steps.step(&call.target).await;
        }
        self.seen.lock().push((from.clone(), call.clone()));
        let faults = *self.faults.lock();
        self.delay(faults).await;
        let to = call.to.as_str().to_owned();
        if self.is_parted(&from, &to) || self.happens(faults.lost) {
            return Err(gone("The request got lost."));
        }
        if self.happens(faults.doubled) {
            drop(self.enter(&call).await);
        }
        let answer = self.enter(&call).await?;
        self.delay(faults).await;
        if self.is_parted(&from, &to) || self.happens(faults.unanswered) {
            return Err(gone("The answer got lost."));
        }
        Ok(answer)
    }

    async fn enter(&self, call: &Call) -> Result<RemoteResponse> {
        while self.starting.lock().contains(call.to.as_str()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let server = self.servers.lock().get(call.to.as_str()).cloned();
        let server = server.ok_or_else(|| gone("Nobody is there."))?;
        let mut request = http::Request::builder().method(call.method.as_str()).uri(&call.target);
        if let Some(authorization) = &call.authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        if !call.body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Body::from(call.body.clone())).map_err(|error| Error::fault("a request", error))?;
        let Ok(answer) = server.oneshot(request).await;
        let (parts, body) = answer.into_parts();
        let content_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let body = body.into_data_stream().map(|piece| piece.map_err(|error| Error::fault("reading an answer", error)));
        Ok(RemoteResponse {
            status: parts.status.as_u16(),
            content_type: content_type.map(str::to_owned),
            body: Box::pin(body),
        })
    }
}

fn gone(why: &'static str) -> Error {
    refuse(Reason::ConnectionFailed, why)
}

/// The connection of one server to the others.
#[derive(Debug)]
pub(crate) struct ServerLink {
    from: String,
    network: Arc<SimulatedNetwork>,
}

impl ServerLink {
    /// Counts the requests of this server as steps.
    pub(super) fn count_steps(&self, steps: Arc<Steps>) {
        self.network.count_steps(&self.from, steps);
    }

    /// Marks the server as starting.
    pub(super) fn starts(&self) {
        self.network.starting.lock().insert(self.from.clone());
    }

    /// Makes the server reachable.
    pub(super) fn attach(&self, running: &Running) {
        let resources = [Resource::Client, Resource::Federation, Resource::Media];
        let router = hearth_http::surface::router(&resources, &Arc::new(Counters::default()));
        let router = router.with_state(App::new(running.domain.clone()));
        self.network.servers.lock().insert(self.from.clone(), router);
        self.network.starting.lock().remove(&self.from);
    }

    /// Makes the server unreachable.
    pub(super) fn detach(&self) {
        self.network.servers.lock().remove(&self.from);
    }
}

impl Network for ServerLink {
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>> {
        let wait = call.wait;
        let carried = self.network.clone().carry(self.from.clone(), call);
        Box::pin(async move {
            match tokio::time::timeout(wait, carried).await {
                Ok(answer) => answer,
                Err(_) => Err(gone("It took too long.")),
            }
        })
    }

    fn fetch(&self, _: String, _: Duration) -> Eventually<Result<RemoteResponse>> {
        Box::pin(std::future::ready(Err(gone("There is no web here."))))
    }
}
