//! A client's view during a flood: round trips of data through the relay, of requests on a five-tuple with an
//! allocation, and of new allocations. One attempt each; what takes longer than a third of a second counts as
//! lost.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::{Duration, Instant};

use hearth_turn::stun::{Method, attribute, channel_data};

use super::load::{ask, bind_channel};

/// What is measured, each with its share of all round trips.
pub(crate) const KINDS: [&str; 3] = ["data", "refresh", "allocate"];
const REFRESH_EVERY: usize = 8;
const ALLOCATE_EVERY: usize = 40;
const LOST: Duration = Duration::from_millis(330);

/// The round trips of one kind.
#[derive(Debug, Default)]
pub(crate) struct RoundTrips {
    pub(crate) kind: usize,
    pub(crate) asked: usize,
    pub(crate) lost: usize,
    pub(crate) median_us: f64,
    pub(crate) p99_us: f64,
}

impl fmt::Display for RoundTrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, lost, median_us, p99_us, .. } = self;
        write!(f, "p99 {p99_us:.0} us, median {median_us:.0} us, lost {lost} of {asked}")
    }
}

impl FromStr for RoundTrips {
    type Err = std::num::ParseFloatError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [kind, asked, lost] = [0, 1, 2].map(|at| numbers[at] as usize);
        Ok(Self { kind, asked, lost, median_us: numbers[3], p99_us: numbers[4] })
    }
}

fn connected(ip: Ipv4Addr, relay: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.connect(relay).unwrap();
    socket.set_read_timeout(Some(LOST)).unwrap();
    socket
}

fn allocate(socket: &UdpSocket, nonce: &mut Vec<u8>) -> bool {
    ask(socket, nonce, Method::ALLOCATE, &|writer| _ = writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]))
}

fn refresh(socket: &UdpSocket, nonce: &mut Vec<u8>, lifetime_s: u32) -> bool {
    ask(socket, nonce, Method::REFRESH, &|writer| _ = writer.put_number(attribute::LIFETIME, lifetime_s))
}

/// Repeats until it succeeds; for the setup before measuring.
fn retry(mut what: impl FnMut() -> bool) {
    assert!((0..20).any(|_| what()), "the relay does not answer");
}

/// Sends data to a peer through the relay, and prints a line of numbers per kind of round trip.
pub(crate) fn run_client(relay: SocketAddr, messages: usize) {
    let echo = UdpSocket::bind("127.0.0.2:0").unwrap();
    let peer = echo.local_addr().unwrap();
    let _echoing = std::thread::Builder::new().spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok((bytes, from)) = echo.recv_from(&mut buffer) {
            let _ = echo.send_to(&buffer[..bytes], from);
        }
    });
    let client = connected(Ipv4Addr::new(127, 0, 0, 1), relay);
    let mut nonce = Vec::new();
    retry(|| allocate(&client, &mut nonce));
    retry(|| bind_channel(&client, &mut nonce, peer));
    let packet = [&channel_data::header(0x4000, 160)[..], &[7; 160]].concat();
    let mut times: [Vec<Option<Duration>>; 3] = Default::default();
    for index in 0..messages + messages / 10 {
        // Jitter, so as not to run in step with the relay.
        let noise = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        std::thread::sleep(Duration::from_micros(500 + noise));
        let newcomer = connected(Ipv4Addr::new(127, 0, 3, (index / ALLOCATE_EVERY) as u8), relay);
        let start = Instant::now();
        let (kind, done) = if index % ALLOCATE_EVERY == 0 {
            (2, allocate(&newcomer, &mut Vec::new()))
        } else if index % REFRESH_EVERY == 0 {
            (1, refresh(&client, &mut nonce, 600))
        } else {
            (0, echoed(&client, &packet))
        };
        let time = done.then(|| start.elapsed());
        // The first tenth is warm-up.
        if index >= messages / 10 {
            times[kind].push(time);
        }
        // A late response must not count for the next request.
        while !done && client.recv(&mut [0; 2_048]).is_ok() {}
    }
    for (kind, times) in times.iter().enumerate() {
        let mut known: Vec<f64> = times.iter().flatten().map(|time| time.as_nanos() as f64 / 1_000.0).collect();
        known.sort_by(f64::total_cmp);
        let at = |part: f64| known.get((known.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
        println!("{kind} {} {} {} {}", times.len(), times.len() - known.len(), at(0.5), at(0.99));
    }
}

fn echoed(client: &UdpSocket, packet: &[u8]) -> bool {
    client.send(packet).is_ok() && client.recv(&mut [0; 2_048]).is_ok()
}
