//! A relay on loopback, and echo peers.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hearth_turn::credentials::{Authority, mint};
use hearth_turn::{Credentials, Running, Settings, start};

/// Credentials that a test can change.
pub(crate) struct TestAuth {
    pub now_unix_s: AtomicU64,
    pub revoked: AtomicBool,
}

pub(crate) const SECRET: &[u8] = b"north";

impl Authority for TestAuth {
    fn now_unix_s(&self) -> u64 {
        self.now_unix_s.load(Ordering::Relaxed)
    }

    fn secrets(&self) -> Vec<Arc<[u8]>> {
        vec![Arc::from(SECRET)]
    }

    fn is_revoked(&self, _user: &str) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }
}

pub(crate) struct Relay {
    pub running: Running,
    pub auth: Arc<TestAuth>,
}

/// Different bytes on each call. Not cryptographic.
pub(crate) fn entropy(bytes: &mut [u8]) {
    use std::hash::{BuildHasher, RandomState};
    for chunk in bytes.chunks_mut(8) {
        let random = RandomState::new().hash_one(0u8).to_ne_bytes();
        chunk.copy_from_slice(&random[..chunk.len()]);
    }
}

pub(crate) fn credentials(user: &str) -> Credentials {
    mint(SECRET, user, 2_000_000_000)
}

impl Relay {
    /// A relay on loopback that allows loopback peers.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new();
        settings.udp = vec!["127.0.0.1:0".parse().unwrap()];
        settings.tcp = vec!["127.0.0.1:0".parse().unwrap()];
        settings.threads = 2;
        settings.public.v4 = Some("127.0.0.1".parse().unwrap());
        settings.public.v6 = Some("::1".parse().unwrap());
        settings.peers.allow = vec!["127.0.0.0/8".parse().unwrap()];
        change(&mut settings);
        let auth = Arc::new(TestAuth { now_unix_s: 1_000_000_000.into(), revoked: false.into() });
        let running = start(settings, Arc::clone(&auth) as Arc<dyn Authority>, Arc::new(entropy)).unwrap();
        let relay = Self { running, auth };
        wait_until("the relay knows where it is", || relay.running.external_address().v4.is_some());
        relay
    }

    pub(crate) fn udp(&self) -> SocketAddr {
        self.running.udp_addresses()[0]
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        self.running.stream_addresses()[0]
    }
}

/// A peer that echoes. Not on the relay's own address, where peers are refused.
pub(crate) struct Echo {
    pub at: SocketAddr,
}

impl Echo {
    pub(crate) fn start() -> Self {
        Self::at("127.0.0.2".parse().unwrap())
    }

    pub(crate) fn at(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        let at = socket.local_addr().unwrap();
        std::thread::Builder::new()
            .spawn(move || {
                let mut buffer = [0; 65_536];
                while let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..bytes], from);
                }
            })
            .unwrap();
        Self { at }
    }
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..500 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited for too long: {what}");
}
