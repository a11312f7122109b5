//! The world as it is: this machine and its network.

mod machine;
mod network;
mod ports;

use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use hearth_base::{Clock as _, Millis, clock::SystemClock};

use crate::mapping::Router;
use crate::world::{Disk, DnsFault, PortState, RouterView, Transport, World};

/// Looks into the database of a data folder for the name of its server.
type StoredName = Box<dyn Fn(&Path) -> Option<String>>;

/// This machine.
pub struct System {
    stored_name: StoredName,
    /// Looking for one that is not there takes seconds, so it is done once.
    router: OnceCell<Option<Router>>,
}

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("System")
    }
}

impl System {
    /// This machine. `stored_name` looks into the database of a data folder.
    pub fn new(stored_name: impl Fn(&Path) -> Option<String> + 'static) -> Self {
        Self { stored_name: Box::new(stored_name), router: OnceCell::new() }
    }
}

impl World for System {
    fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, DnsFault> {
        network::resolve(name)
    }

    fn own_addresses(&self) -> Vec<IpAddr> {
        network::own_addresses()
    }

    fn seen_by_stun(&self, server: &str) -> Option<IpAddr> {
        hearth_turn::seen_by(server)
    }

    fn router(&self) -> Option<RouterView> {
        let router = self.router.get_or_init(Router::find).as_ref()?;
        Some(RouterView { external: router.external, protocol: router.protocol() })
    }

    fn port(&self, port: u16, transport: Transport) -> PortState {
        ports::state(port, transport)
    }

    fn comes_back(&self, address: SocketAddr) -> Option<bool> {
        network::comes_back(address)
    }

    fn now_ms(&self) -> Millis {
        SystemClock.now_ms()
    }

    fn time_of(&self, server: &str) -> Option<Millis> {
        network::time_of(server)
    }

    fn disk(&self, folder: &Path) -> Option<Disk> {
        machine::disk(folder)
    }

    fn writable(&self, folder: &Path) -> bool {
        machine::writable(folder)
    }

    fn memory_bytes(&self) -> Option<u64> {
        machine::memory_bytes(&std::fs::read_to_string("/proc/meminfo").ok()?)
    }

    fn stored_name(&self, data_dir: &Path) -> Option<String> {
        (self.stored_name)(data_dir)
    }

    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    fn has_systemd(&self) -> bool {
        // What sd_booted(3) looks at.
        Path::new("/run/systemd/system").is_dir()
    }
}
