//! Names for requests, by which a line in the log and the answer that a user saw are brought together.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// Gives out request ids: unique in one run of the server, and telling runs apart well enough to search a log.
#[derive(Debug)]
pub(super) struct RequestIds {
    run: u32,
    next: AtomicU64,
}

/// The id of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestId(u32, u64);

impl RequestIds {
    /// `run` is any number that differs from run to run.
    pub(super) fn new(run: u32) -> Self {
        Self { run, next: AtomicU64::new(1) }
    }

    pub(super) fn next(&self) -> RequestId {
        RequestId(self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}-{:x}", self.0 & 0xFF_FFFF, self.1)
    }
}

impl RequestId {
    /// As a header's value.
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("hexadecimal digits are allowed in a header")
    }
}
