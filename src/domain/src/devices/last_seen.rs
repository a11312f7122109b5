//! When and from where each device was last seen: noted in memory, written down in batches. A request never writes it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_base::{Millis, Result};
use hearth_store::Lane;
use hearth_store::ids::DeviceSn;
use hearth_store::tables::devices::{self, Seen};
use parking_lot::Mutex;

use super::Devices;

/// How often the same session is noted again.
const NOTE_EVERY_MS: u64 = 60_000;
/// The longest user agent that is kept.
const AGENT_BYTES_MAX: usize = 255;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestSource<'a> {
    /// The client's address, if it is known.
    pub address: Option<std::net::IpAddr>,
    /// What the client calls itself.
    pub agent: Option<&'a str>,
}

/// What is not yet written down.
#[derive(Debug, Default)]
pub(crate) struct LastSeen(Mutex<HashMap<DeviceSn, Seen>>);

impl LastSeen {
    /// Notes a request of a device. `noted_ms` belongs to the caller's session and says when this was last done for it.
    pub(crate) fn note(&self, device: DeviceSn, noted_ms: &AtomicU64, now_ms: Millis, whence: RequestSource<'_>) {
        if now_ms.abs_diff(noted_ms.load(Ordering::Relaxed)) < NOTE_EVERY_MS {
            return;
        }
        noted_ms.store(now_ms, Ordering::Relaxed);
        let agent = whence.agent.map(|agent| {
            let text: String = agent.chars().filter(|c| !c.is_control()).collect();
            text[..text.floor_char_boundary(AGENT_BYTES_MAX)].to_owned()
        });
        let ip = whence.address.map(|address| address.to_canonical().to_string());
        self.0.lock().insert(device, Seen { at_ms: Some(now_ms), ip, agent });
    }

    /// What is known of a device beyond what is written down.
    pub(crate) fn of(&self, device: DeviceSn) -> Option<Seen> {
        self.0.lock().get(&device).cloned()
    }
}

impl Devices {
    /// Writes down when devices were last seen. To be called every few minutes and at the end.
    pub async fn flush_last_seen(&self) -> Result<()> {
        let seen: Vec<_> = self.seen.0.lock().iter().map(|(device, seen)| (*device, seen.clone())).collect();
        if seen.is_empty() {
            return Ok(());
        }
        let written = seen.clone();
        let write = self.core.store.write_in(Lane::Upkeep, "last_seen_flush", move |tx| {
            seen.iter().try_for_each(|(device, seen)| devices::set_seen(tx.tx(), *device, seen))
        });
        write.await?;
        // Only now, so that a listing has one or the other; what was noted meanwhile stays for the next time.
        let mut unwritten = self.seen.0.lock();
        for (device, seen) in written {
            if unwritten.get(&device) == Some(&seen) {
                unwritten.remove(&device);
            }
        }
        Ok(())
    }
}
