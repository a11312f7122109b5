//! Request ids, which connect a log line with the response that a user saw.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// Generates request ids: unique within one run of the server, and distinct enough between runs to search a log.
#[derive(Debug)]
pub(super) struct RequestIds {
    run: u32,
    next: AtomicU64,
}

/// The id of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestId(u32, u64);

impl RequestIds {
    /// `run` is a number that differs between runs.
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
    /// The value of the `x-request-id` header.
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("hexadecimal digits are allowed in a header")
    }
}
