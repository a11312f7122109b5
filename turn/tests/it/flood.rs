//! A flood of unauthenticated requests: it leaves no state and barely affects other clients.

use std::net::{SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hearth_turn::stun::{Class, Method, Writer, attribute};

use super::client::{Client, Datagrams};
use super::harness::{Echo, Relay};

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The 99th percentile of a round trip.
fn p99(rounds: usize, mut trip: impl FnMut() -> bool) -> Duration {
    let mut times: Vec<Duration> = (0..rounds)
        .filter_map(|_| {
            let start = Instant::now();
            trip().then(|| start.elapsed())
        })
        .collect();
    times.sort_unstable();
    assert!(times.len() * 100 >= rounds * 99, "more than 1% lost");
    times[times.len() * 99 / 100]
}

/// Sends data to an echo and back.
fn echoed(client: &mut Client<Datagrams>) -> bool {
    client.send_channel(0x4000, &[7; 160]);
    client.receive().is_some()
}

/// The sockets of the flood, and its packets.
fn flood_sources(relay: SocketAddr) -> (Vec<UdpSocket>, [Vec<u8>; 2]) {
    let mut packets = [Vec::new(), Vec::new()];
    Writer::new(&mut packets[0], Method::BINDING, Class::Request, [1; 12]);
    Writer::new(&mut packets[1], Method::ALLOCATE, Class::Request, [2; 12])
        .put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let sources = (0..100).map(|host| {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::new(127, 0, 1, host), 0)).unwrap();
        socket.connect(relay).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    });
    (sources.collect(), packets)
}

/// Sends `requests` packets.
fn flood(relay: SocketAddr, requests: usize) -> JoinHandle<()> {
    let (sources, packets) = flood_sources(relay);
    let send = move || {
        for index in 0..requests {
            let source = &sources[index % sources.len()];
            let _ = source.send(&packets[index / sources.len() % 2]);
            // Drain responses, so that they do not fill the socket buffers.
            let _ = source.recv(&mut [0; 256]);
        }
    };
    std::thread::Builder::new().spawn(send).unwrap()
}

#[test]
fn clients_keep_working_in_a_flood_and_new_ones_connect_after_it() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    assert_eq!(client.bind(0x4000, echo.at), 0);
    let flood = flood(relay.udp(), 50_000);
    while !flood.is_finished() {
        assert!(echoed(&mut client), "data was lost");
        assert_eq!(client.refresh(600), 0);
        std::thread::sleep(Duration::from_millis(1));
    }
    flood.join().unwrap();
    assert!(relay.running.counters().refused(hearth_turn::Refusal::RateLimited) > 1_000, "the flood did not arrive");
    for _ in 0..4 {
        Client::new(Datagrams::to(relay.udp())).allocate();
    }
}

#[test]
#[ignore = "takes half a minute; needs an idle machine: cargo test --release -p hearth-turn -- --ignored flood"]
fn a_million_unauthenticated_requests_leave_no_state() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let mut client = Client::new(Datagrams::to(relay.udp()));
    client.allocate();
    assert_eq!(client.bind(0x4000, echo.at), 0);
    client.link.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    p99(500, || echoed(&mut client));
    let idle = p99(3_000, || echoed(&mut client));
    let before = resident_kib();
    let flood = flood(relay.udp(), 1_000_000);
    let (during, refreshes) = (p99(3_000, || echoed(&mut client)), p99(300, || client.refresh(600) == 0));
    flood.join().unwrap();
    let grown = resident_kib().saturating_sub(before);
    let counters = relay.running.counters();
    let refused = counters.refused(hearth_turn::Refusal::RateLimited);
    // All processes share the machine here; `relay_bench flood` measures the relay's part.
    println!(
        "p99 idle {idle:?}, in the flood {during:?} and {refreshes:?} for a Refresh; {grown} KiB; {refused} refused"
    );
    assert!(grown <= 4 * 1_024, "grown by {grown} KiB");
    assert!(refused > 300_000, "the flood did not arrive");
}

#[test]
#[ignore = "needs a process of its own: cargo test --release -p hearth-turn -- --ignored flood::memory"]
fn memory_of_allocations() {
    const ALLOCATIONS: usize = 500;
    let relay = Relay::with(|settings| {
        (settings.quotas.allocations, settings.quotas.allocations_per_user) = (1_000, 1_000);
    });
    let echo = Echo::start();
    let mut held: Vec<Client<Datagrams>> = Vec::with_capacity(ALLOCATIONS);
    let mut before = 0;
    for index in 0..ALLOCATIONS + 20 {
        // The first allocations pay for what all share.
        if index == 20 {
            before = resident_kib();
        }
        let mut client = Client::new(Datagrams::to(relay.udp()));
        client.allocate();
        assert_eq!(client.bind(0x4000, echo.at), 0);
        held.push(client);
        if index % 20 == 19 {
            // Unauthenticated requests are limited per source, and all clients share one here.
            std::thread::sleep(Duration::from_millis(2_200));
        }
    }
    let each = (resident_kib() - before) as f64 * 1_024.0 / ALLOCATIONS as f64;
    println!("{each:.0} bytes of the process for an allocation with its test client, the kernel's sockets not counted");
    assert!(each < 8_192.0);
}
