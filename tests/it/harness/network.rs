//! The network between the servers of a town, all in this process: requests go straight into the other server's router,
//! as fast as possible, or late, twice, or not at all, as the weather is.

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

/// What happens to requests on their way, in percent of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Requests that never arrive.
    pub(crate) lost: u64,
    /// Requests that arrive and are answered, and whose answer never arrives.
    pub(crate) unanswered: u64,
    /// Requests that arrive twice.
    pub(crate) doubled: u64,
    /// The longest delay of a request or an answer, in milliseconds.
    pub(crate) late_ms: u64,
}

/// All servers of a town, and who is parted from whom.
pub(crate) struct SimulatedNetwork {
    servers: Mutex<HashMap<String, Router>>,
    /// Servers that are about to start, and do not answer yet. Real ones listen before their tasks begin; here a server
    /// is reachable only after its start, so that requests to it wait for that.
    starting: Mutex<HashSet<String>>,
    parted: Mutex<HashSet<(String, String)>>,
    faults: Mutex<Faults>,
    chance: SeededRandom,
    /// Awaited before each request of a server, by the server's name.
    steps: Mutex<HashMap<String, Arc<Steps>>>,
    /// Every request, for tests that look at the wire: from, to, method and target.
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

    /// The way out of one server.
    pub(crate) fn link(self: &Arc<Self>, from: &str) -> Arc<ServerLink> {
        Arc::new(ServerLink { from: from.to_owned(), network: self.clone() })
    }

    /// Changes the weather.
    pub(crate) fn faults(&self, faults: Faults) {
        *self.faults.lock() = faults;
    }

    /// Nothing gets from one to the other any more, nor back.
    pub(crate) fn part(&self, one: &str, other: &str) {
        let mut parted = self.parted.lock();
        parted.insert((one.to_owned(), other.to_owned()));
        parted.insert((other.to_owned(), one.to_owned()));
    }

    /// No request gets from one to the other any more; requests in the other direction do, and are answered.
    pub(crate) fn cut(&self, from: &str, to: &str) {
        self.parted.lock().insert((from.to_owned(), to.to_owned()));
    }

    /// Everybody reaches everybody again, in good weather.
    pub(crate) fn heal(&self) {
        self.parted.lock().clear();
        self.faults(Faults::default());
    }

    /// Every request so far: who sent it, and the request.
    pub(crate) fn seen(&self) -> Vec<(String, Call)> {
        self.seen.lock().clone()
    }

    /// Puts a request of a test's own making into a server, as it stands.
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

    /// Has a server counted at the requests that it sends.
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

/// One server's way to the others.
#[derive(Debug)]
pub(crate) struct ServerLink {
    from: String,
    network: Arc<SimulatedNetwork>,
}

impl ServerLink {
    /// Has the server at this end counted at the requests that it sends.
    pub(super) fn count_steps(&self, steps: Arc<Steps>) {
        self.network.count_steps(&self.from, steps);
    }

    /// The server at this end of the road is about to start.
    pub(super) fn starts(&self) {
        self.network.starting.lock().insert(self.from.clone());
    }

    /// The server at this end of the road can be reached.
    pub(super) fn attach(&self, running: &Running) {
        let resources = [Resource::Client, Resource::Federation, Resource::Media];
        let router = hearth_http::surface::router(&resources, &Arc::new(Counters::default()));
        let router = router.with_state(App { domain: running.domain.clone() });
        self.network.servers.lock().insert(self.from.clone(), router);
        self.network.starting.lock().remove(&self.from);
    }

    /// The server at this end of the road is gone.
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
