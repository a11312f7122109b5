//! Delegation by `/.well-known/matrix/server` (server-server API, "Resolving server names", step 3), and its cache.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::limits::remote::{WELL_KNOWN_LIFETIME_MAX, WELL_KNOWN_SERVERS_MAX, WELL_KNOWN_STALE_MAX};
use hearth_base::{Backoff, Seams};
use hearth_domain::ports::Eventually;
use quick_cache::sync::Cache;
use serde::Deserialize;
use tokio::time::Instant;

use super::authority::Authority;

/// The cache lifetime of a document without cache headers (recommended by the specification).
const LIFETIME_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
const LIFETIME_MIN: Duration = Duration::from_secs(5 * 60);
/// Backoff after a failed request (the specification recommends up to an hour).
const ERROR: Backoff = Backoff::new(5 * 60 * 1_000, 60 * 60 * 1_000);

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A body with status 200, and the lifetime from its headers.
    Document(Bytes, Option<Duration>),
    /// The server answered, and has no valid document.
    Nothing(String),
    /// The server could not be reached, or failed with a 5xx status.
    Failed(String),
}

/// Requests a host's document, following redirects, subject to the guard and a timeout.
pub(super) trait Ask: Send + Sync + fmt::Debug {
    fn ask(&self, host: &str) -> Eventually<Asked>;
}

/// The cache entry of a server.
#[derive(Debug, Clone)]
struct Entry {
    /// The delegated name; `None` without a valid document.
    delegate: Option<Arc<Authority>>,
    /// When `delegate` was fetched.
    said: Instant,
    asked: Instant,
    until: Instant,
    failures: u32,
}

/// The well-known documents of other servers, cached.
#[derive(Debug)]
pub(super) struct WellKnown {
    ask: Box<dyn Ask>,
    seams: Seams,
    entries: Cache<String, Entry>,
    /// Allows one request at a time per host: the others wait for its result. Hosts with the same hash share a lock.
    flights: [tokio::sync::Mutex<()>; 16],
}

impl WellKnown {
    pub(super) fn new(ask: Box<dyn Ask>, seams: Seams) -> Self {
        Self { ask, seams, entries: Cache::new(WELL_KNOWN_SERVERS_MAX), flights: Default::default() }
    }

    /// The name that a server delegates to; `None` when it has no valid document.
    pub(super) async fn of(&self, host: &str) -> Option<Arc<Authority>> {
        if let Some(entry) = self.fresh(host) {
            return entry.delegate;
        }
        let flight = host.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let _flight = self.flights[flight % self.flights.len()].lock().await;
        if let Some(entry) = self.fresh(host) {
            return entry.delegate;
        }
        let asked = self.ask.ask(host).await;
        let entry = judge(host, self.entries.peek(host), asked, Instant::now(), self.seams.random.chance());
        self.entries.insert(host.to_owned(), entry.clone());
        entry.delegate
    }

    fn fresh(&self, host: &str) -> Option<Entry> {
        self.entries.get(host).filter(|entry| Instant::now() < entry.until)
    }

    /// Expires an entry after its delegated server could not be reached, unless it was fetched just now.
    pub(super) fn doubt(&self, host: &str) {
        let host = host.to_ascii_lowercase();
        self.entries.remove_if(&host, |entry| entry.asked.elapsed() >= LIFETIME_MIN && entry.failures == 0);
    }

    /// Removes a server from the cache.
    pub(super) fn forget(&self, host: &str) {
        self.entries.remove(&host.to_ascii_lowercase());
    }
}

/// The cache entry after a request. `chance` is the jitter of [`Backoff`].
fn judge(host: &str, before: Option<Entry>, asked: Asked, now: Instant, chance: u8) -> Entry {
    let (why, has_failed) = match asked {
        Asked::Document(body, lifetime) => match read(&body) {
            Ok(delegate) => {
                let lifetime = lifetime.unwrap_or(LIFETIME_DEFAULT).clamp(LIFETIME_MIN, WELL_KNOWN_LIFETIME_MAX);
                let delegate = Some(Arc::new(delegate));
                return Entry { delegate, said: now, asked: now, until: now + lifetime, failures: 0 };
            }
            Err(why) => (why, false),
        },
        Asked::Nothing(why) => (why, false),
        Asked::Failed(why) => (why, true),
    };
    tracing::debug!(host, why, has_failed, "A server has no usable well-known document.");
    let failures = before.as_ref().map_or(0, |before| before.failures).saturating_add(1);
    let until = now + ERROR.wait(failures, chance);
    // While a server fails, its last document is used on, but not forever. A server that answers without a document has
    // withdrawn it.
    let last = before.filter(|before| has_failed && now.duration_since(before.said) < WELL_KNOWN_STALE_MAX);
    let (delegate, said) = last.map_or((None, now), |before| (before.delegate, before.said));
    Entry { delegate, said, asked: now, until, failures }
}

/// The JSON document.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "m.server")]
    server: String,
}

fn read(body: &[u8]) -> Result<Authority, String> {
    let document: Document = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Authority::parse(&document.server).map_err(|words| words.0)
}
