//! Limits on open streams: in total and per source, over all threads.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// An IPv4 address, or the /64 of an IPv6 address. The flag keeps the two families apart.
type Source = (bool, u64);

fn source(ip: IpAddr) -> Source {
    match ip {
        IpAddr::V4(ip) => (true, u64::from(ip.to_bits())),
        IpAddr::V6(ip) => (false, u64::from_be_bytes(ip.octets().first_chunk().copied().unwrap_or_default())),
    }
}

/// Counts open streams. Its memory is bounded by `streams_max`, as a source is dropped with its last stream.
pub(super) struct StreamLimiter {
    open: Mutex<(usize, HashMap<Source, u32>)>,
    streams_max: usize,
    per_source_max: u32,
}

/// Permission to keep one stream open. Dropping it releases the capacity, however the stream ends.
pub(super) struct StreamPermit {
    limiter: Arc<StreamLimiter>,
    source: Source,
}

impl StreamLimiter {
    pub(super) fn new(streams_max: usize, per_source_max: u32) -> Self {
        Self { open: Mutex::default(), streams_max, per_source_max }
    }

    /// Acquires capacity for a stream from `ip`. `None` if the total or the source is at its limit.
    pub(super) fn acquire(self: &Arc<Self>, ip: IpAddr) -> Option<StreamPermit> {
        let source = source(ip);
        let mut open = self.open.lock();
        let of_source = open.1.get(&source).copied().unwrap_or(0);
        if open.0 >= self.streams_max || of_source >= self.per_source_max {
            return None;
        }
        open.0 += 1;
        open.1.insert(source, of_source + 1);
        Some(StreamPermit { limiter: Arc::clone(self), source })
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.limiter.open.lock();
        open.0 -= 1;
        if let Some(of_source) = open.1.get_mut(&self.source) {
            *of_source -= 1;
            if *of_source == 0 {
                open.1.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_limited_and_released() {
        let limiter = Arc::new(StreamLimiter::new(3, 2));
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        let first = limiter.acquire(a).unwrap();
        let _second = limiter.acquire(a).unwrap();
        assert!(limiter.acquire(a).is_none());
        let _third = limiter.acquire(b).unwrap();
        assert!(limiter.acquire(b).is_none());
        drop(first);
        assert!(limiter.acquire(b).is_some());
        assert_eq!(limiter.open.lock().1.len(), 2);
    }
}
