//! How many requests came, by route and status, since the server started: for `/metrics`.

use std::collections::HashMap;
use std::time::Duration;

use http::{Method, StatusCode};
use parking_lot::Mutex;

/// The counters of a server; one for all of its listeners.
#[derive(Debug, Default)]
pub struct Counters(Mutex<HashMap<Box<str>, Vec<Count>>>);

/// Requests of one method to one route that ended with one status.
#[derive(Debug, Clone)]
pub struct Count {
    /// The method.
    pub method: Method,
    /// The status of the answers.
    pub status: StatusCode,
    /// How many.
    pub requests: u64,
    /// How long they took, all together; long polls count with their waiting.
    pub total: Duration,
}

impl Counters {
    /// Counts one request. `route` is a pattern, never a path: paths come from strangers and have no end.
    pub(super) fn add(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let mut routes = self.0.lock();
        if let Some(counts) = routes.get_mut(route) {
            return add(counts, method, status, took);
        }
        add(routes.entry(route.into()).or_default(), method, status, took);
    }

    /// All counts, in the order of their routes.
    #[must_use]
    pub fn all(&self) -> Vec<(Box<str>, Vec<Count>)> {
        let mut all: Vec<_> = self.0.lock().iter().map(|(route, counts)| (route.clone(), counts.clone())).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

fn add(counts: &mut Vec<Count>, method: &Method, status: StatusCode, took: Duration) {
    // A stranger can invent methods; they are counted under one name.
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
