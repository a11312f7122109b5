//! Where a server says that it is: `/.well-known/matrix/server` (server-server API, "Resolving server names", step 3),
//! and how long that is remembered.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Backoff, Seams};
use hearth_domain::ports::Eventually;
use quick_cache::sync::Cache;
use serde::Deserialize;
use tokio::time::Instant;

use super::authority::Authority;

/// Servers whose answer is remembered.
const SERVERS_MAX: usize = 2_048;
/// How long an answer is remembered that does not say (recommended by the specification).
const LIFETIME_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest and the shortest, whatever it says.
const LIFETIME_MAX: Duration = Duration::from_secs(48 * 60 * 60);
const LIFETIME_MIN: Duration = Duration::from_secs(5 * 60);
/// How long it is remembered that there is no good answer (recommended: up to an hour).
const ERROR: Backoff = Backoff::new(5 * 60 * 1_000, 60 * 60 * 1_000);
/// How long a good answer is used on while its server gives none.
const STALE_MAX: Duration = LIFETIME_MAX;

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// An answer with status 200, and how long it says that it may be remembered.
    Document(Bytes, Option<Duration>),
    /// There is nothing of use, and the server says so.
    Nothing(String),
    /// The server could not be asked, or is in trouble.
    Failed(String),
}

/// Asks a host for its document, following redirects, under the guard, within some seconds.
pub(super) trait Ask: Send + Sync + fmt::Debug {
    fn ask(&self, host: &str) -> Eventually<Asked>;
}

/// What is remembered of a server.
#[derive(Debug, Clone)]
struct Entry {
    /// Where it says that it is; none when it does not say.
    delegate: Option<Arc<Authority>>,
    /// When `delegate` was said.
    said: Instant,
    asked: Instant,
    until: Instant,
    failures: u32,
}

/// The documents of servers, remembered.
#[derive(Debug)]
pub(super) struct WellKnown {
    ask: Box<dyn Ask>,
    seams: Seams,
    entries: Cache<String, Entry>,
    /// One question at a time to each host; those that are unlucky share a lock.
    flights: [tokio::sync::Mutex<()>; 16],
}

impl WellKnown {
    pub(super) fn new(ask: Box<dyn Ask>, seams: Seams) -> Self {
        Self { ask, seams, entries: Cache::new(SERVERS_MAX), flights: Default::default() }
    }

    /// Where the server of this name says that it is; none when it says nothing that is in order.
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

    /// Where the server says that it is, it is not: unless it was asked just now, it will be asked again.
    pub(super) fn doubt(&self, host: &str) {
        let host = host.to_ascii_lowercase();
        self.entries.remove_if(&host, |entry| entry.asked.elapsed() >= LIFETIME_MIN && entry.failures == 0);
    }

    /// Forgets what a server has said.
    pub(super) fn forget(&self, host: &str) {
        self.entries.remove(&host.to_ascii_lowercase());
    }
}

/// What to remember after asking. `chance` is that of [`Backoff`].
fn judge(host: &str, before: Option<Entry>, asked: Asked, now: Instant, chance: u8) -> Entry {
    let (why, has_failed) = match asked {
        Asked::Document(body, lifetime) => match read(&body) {
            Ok(delegate) => {
                let lifetime = lifetime.unwrap_or(LIFETIME_DEFAULT).clamp(LIFETIME_MIN, LIFETIME_MAX);
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
    // Of a server in trouble the last document is better than nothing, but not for ever. One that answers without a
    // document has taken it back.
    let last = before.filter(|before| has_failed && now.duration_since(before.said) < STALE_MAX);
    let (delegate, said) = last.map_or((None, now), |before| (before.delegate, before.said));
    Entry { delegate, said, asked: now, until, failures }
}

/// The document.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "m.server")]
    server: String,
}

fn read(body: &[u8]) -> Result<Authority, String> {
    let document: Document = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Authority::parse(&document.server).map_err(|words| words.0)
}
