//! How many streams there are, over all threads: in all, and of one source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// An IPv4 address or the first half of an IPv6 one.
type Source = (bool, u64);

fn source(ip: IpAddr) -> Source {
    match ip {
        IpAddr::V4(ip) => (true, u64::from(ip.to_bits())),
        IpAddr::V6(ip) => (false, u64::from_be_bytes(ip.octets().first_chunk().copied().unwrap_or_default())),
    }
}

/// Lets streams in. As large as the streams that are open.
pub(super) struct Gate {
    open: Mutex<(usize, HashMap<Source, u32>)>,
    streams_max: usize,
    per_source_max: u32,
}

/// A stream's place, given back when it is dropped.
pub(super) struct Place {
    gate: Arc<Gate>,
    source: Source,
}

impl Gate {
    pub(super) fn new(streams_max: usize, per_source_max: u32) -> Self {
        Self { open: Mutex::default(), streams_max, per_source_max }
    }

    /// A place for a stream from `ip`, if there is one.
    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let source = source(ip);
        let mut open = self.open.lock();
        let of_source = open.1.get(&source).copied().unwrap_or(0);
        if open.0 >= self.streams_max || of_source >= self.per_source_max {
            return None;
        }
        open.0 += 1;
        open.1.insert(source, of_source + 1);
        Some(Place { gate: Arc::clone(self), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock();
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
    fn places_are_limited_and_come_back() {
        let gate = Arc::new(Gate::new(3, 2));
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        let first = gate.enter(a).unwrap();
        let _second = gate.enter(a).unwrap();
        assert!(gate.enter(a).is_none());
        let _third = gate.enter(b).unwrap();
        assert!(gate.enter(b).is_none());
        drop(first);
        assert!(gate.enter(b).is_some());
        assert_eq!(gate.open.lock().1.len(), 2);
    }
}
