//! Request counts by route and status since the server started, for `/metrics`.

use std::collections::HashMap;
use std::time::Duration;

use http::{Method, StatusCode};
use parking_lot::Mutex;

/// The request counters of a server; all listeners share one.
#[derive(Debug, Default)]
pub struct Counters(Mutex<HashMap<Box<str>, Vec<Count>>>);

/// The requests with one method, route and status.
#[derive(Debug, Clone)]
pub struct Count {
    /// The HTTP method; unknown methods share one name.
    pub method: Method,
    /// The status of the responses.
    pub status: StatusCode,
    /// Number of requests.
    pub requests: u64,
    /// Sum of their durations, including the time that long polls wait.
    pub total: Duration,
}

impl Counters {
    /// Counts one request. `route` is a pattern, never a path: clients choose paths, so their number is unbounded.
    pub(super) fn add(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let mut routes = self.0.lock();
        if let Some(counts) = routes.get_mut(route) {
            return add(counts, method, status, took);
        }
        add(routes.entry(route.into()).or_default(), method, status, took);
    }

    /// All counts, ordered by route.
    #[must_use]
    pub fn all(&self) -> Vec<(Box<str>, Vec<Count>)> {
        let mut all: Vec<_> = self.0.lock().iter().map(|(route, counts)| (route.clone(), counts.clone())).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

fn add(counts: &mut Vec<Count>, method: &Method, status: StatusCode, took: Duration) {
    // Clients can invent methods, so unknown ones are counted under one name.
    let known = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::PATCH];
    let method = known.iter().find(|known| *known == method).cloned().unwrap_or(Method::TRACE);
    let found = counts.iter_mut().find(|count| count.method == method && count.status == status);
    match found {
        Some(count) => {
            count.requests += 1;
            count.total += took;
        }
        None => counts.push(Count { method, status, requests: 1, total: took }),
    }
}
