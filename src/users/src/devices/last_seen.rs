//! When and from where each device was last seen: recorded in memory, written in batches. No request waits for that
//! write, and a crash loses at most one batch.

use hearth_base::boxed;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_base::limits::users::AGENT_BYTES_MAX;
use hearth_base::{Millis, Result};
use hearth_store::Lane;
use hearth_store::ids::DeviceSn;
use hearth_store::tables::devices::{self, Seen};
use parking_lot::Mutex;

use super::Devices;

/// How often the same session is recorded.
const NOTE_EVERY_MS: u64 = 60_000;

/// The source of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestSource<'a> {
    /// The client's IP address, if known.
    pub address: Option<std::net::IpAddr>,
    /// The `User-Agent` header.
    pub agent: Option<&'a str>,
}

/// Records that are not written yet.
#[derive(Debug, Default)]
pub struct LastSeen(Mutex<HashMap<DeviceSn, Seen>>);

impl LastSeen {
    /// Records a request of a device. `noted_ms` belongs to the caller's session and holds the time of its last record.
    pub fn note(&self, device: DeviceSn, noted_ms: &AtomicU64, now_ms: Millis, whence: RequestSource<'_>) {
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

    /// The record of a device that is not written yet.
    pub fn of(&self, device: DeviceSn) -> Option<Seen> {
        self.0.lock().get(&device).cloned()
    }
}

impl Devices {
    /// Writes the records. Called every few minutes and at shutdown.
    #[boxed]
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
        // Remove the records only after the commit, so that a listing finds either the record or the row; a newer
        // record stays for the next flush.
        let mut unwritten = self.seen.0.lock();
        for (device, seen) in written {
            if unwritten.get(&device) == Some(&seen) {
                unwritten.remove(&device);
            }
        }
        Ok(())
    }
}
