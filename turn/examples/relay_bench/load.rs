//! Load: eight clients send through the relay to a peer that echoes.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hearth_turn::credentials::mint;
use hearth_turn::stun::integrity::Integrity;
use hearth_turn::stun::{Algorithm, Class, Key, Message, Method, Writer, attribute, channel_data};

use super::servers::SECRET;

const CLIENTS: usize = 8;
/// Messages in flight per client in the closed loop.
const IN_FLIGHT: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    Channel,
    Indication,
}

pub(crate) struct Load {
    pub(crate) bytes: usize,
    pub(crate) wrapping: Wrapping,
    /// Messages offered per second. `None`: closed loop.
    pub(crate) per_s: Option<u64>,
    pub(crate) time: Duration,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = self.per_s.map_or("closed loop".to_owned(), |per_s| format!("{per_s}/s offered"));
        write!(f, "{:?}, {} bytes, {pace}", self.wrapping, self.bytes)
    }
}

pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Sends a request, answering the challenge. Returns whether a response arrived in time.
pub(crate) fn ask(socket: &UdpSocket, nonce: &mut Vec<u8>, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> bool {
    let credentials = mint(SECRET.as_bytes(), "bench", 2_000_000_000);
    for attempt in 0..3u8 {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, method, Class::Request, [attempt + 1 + (method.0 as u8) * 8; 12]);
        fill(&mut writer);
        if !nonce.is_empty() {
            writer.put(attribute::USERNAME, credentials.username.as_bytes());
            writer.put(attribute::REALM, b"hearth").put(attribute::NONCE, nonce);
            let key = Key::long_term(Algorithm::Md5, &credentials.username, "hearth", &credentials.password);
            writer.put_integrity(Integrity::Sha1, &key);
        }
        socket.send(&out).unwrap();
        let mut buffer = [0; 2_048];
        let Ok(bytes) = socket.recv(&mut buffer) else { return false };
        let answer = Message::parse(&buffer[..bytes]).unwrap();
        match answer.error_code() {
            None => return true,
            Some(401 | 438) => *nonce = answer.get(attribute::NONCE).unwrap().value.to_vec(),
            Some(code) => panic!("{method:?} was refused with {code}"),
        }
    }
    panic!("{method:?} was refused");
}

/// A socket with large buffers, so that losses are the relay's.
fn large_buffer_socket(at: &str) -> UdpSocket {
    let socket = UdpSocket::bind(at).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4 * 1_024 * 1_024).unwrap();
    socket
}

fn client(relay: SocketAddr, peer: SocketAddr) -> UdpSocket {
    let socket = large_buffer_socket("127.0.0.1:0");
    socket.connect(relay).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut nonce = Vec::new();
    let transport = |w: &mut Writer<'_>| _ = w.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    // On a busy machine a server takes a while to start.
    assert!((0..5).any(|_| ask(&socket, &mut nonce, Method::ALLOCATE, &transport)));
    assert!(ask(&socket, &mut nonce, Method::CREATE_PERMISSION, &|w| {
        w.put_address(attribute::XOR_PEER_ADDRESS, peer);
    }));
    socket
}

pub(crate) fn bind_channel(socket: &UdpSocket, nonce: &mut Vec<u8>, peer: SocketAddr) -> bool {
    let fill = |writer: &mut Writer<'_>| {
        writer.put_number(attribute::CHANNEL_NUMBER, 0x4000_0000).put_address(attribute::XOR_PEER_ADDRESS, peer);
    };
    ask(socket, nonce, Method::CHANNEL_BIND, &fill)
}

fn packet(case: &Load, peer: SocketAddr) -> Vec<u8> {
    let data = vec![7; case.bytes];
    match case.wrapping {
        Wrapping::Channel => [&channel_data::header(0x4000, case.bytes as u16)[..], &data].concat(),
        Wrapping::Indication => {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out, Method::SEND, Class::Indication, [9; 12]);
            writer.put_address(attribute::XOR_PEER_ADDRESS, peer).put(attribute::DATA, &data);
            out
        }
    }
}

/// Runs the load against a relay.
pub(crate) fn run(case: &Load, relay: SocketAddr) -> Outcome {
    let echo = large_buffer_socket("127.0.0.2:0");
    let peer = echo.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    echo.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let echoing = std::thread::Builder::new()
        .spawn(move || {
            let mut buffer = [0; 2_048];
            while !stopping.load(Ordering::Relaxed) {
                if let Ok((bytes, from)) = echo.recv_from(&mut buffer) {
                    let _ = echo.send_to(&buffer[..bytes], from);
                }
            }
        })
        .unwrap();
    let clients: Vec<UdpSocket> = (0..CLIENTS).map(|_| client(relay, peer)).collect();
    if case.wrapping == Wrapping::Channel {
        clients.iter().for_each(|socket| assert!(bind_channel(socket, &mut Vec::new(), peer)));
    }
    clients.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
    let outcome = drive(case, &clients, &packet(case, peer));
    stop.store(true, Ordering::Relaxed);
    echoing.join().unwrap();
    outcome
}

fn drive(case: &Load, clients: &[UdpSocket], packet: &[u8]) -> Outcome {
    let (mut sent, mut received) = (0, 0);
    let mut buffer = [0; 2_048];
    let start = Instant::now();
    let mut heard = start;
    loop {
        let elapsed = start.elapsed();
        let sending = elapsed < case.time;
        let before = received;
        for socket in clients {
            while socket.recv(&mut buffer).is_ok() {
                received += 1;
                if sending && case.per_s.is_none() {
                    sent += u64::from(socket.send(packet).is_ok());
                }
            }
        }
        if received != before {
            heard = Instant::now();
        }
        match case.per_s {
            Some(per_s) if sending => {
                let due = (elapsed.as_secs_f64() * per_s as f64) as u64;
                while sent < due {
                    let _ = clients[(sent % CLIENTS as u64) as usize].send(packet);
                    sent += 1;
                }
                std::thread::sleep(Duration::from_micros(100));
            }
            // At the start, or after everything in flight was lost.
            None if sending && (sent == 0 || heard.elapsed() > Duration::from_millis(200)) => {
                for socket in clients.iter().cycle().take(CLIENTS * IN_FLIGHT) {
                    sent += u64::from(socket.send(packet).is_ok());
                }
                heard = Instant::now();
            }
            _ => {}
        }
        if !sending && (received >= sent || heard.elapsed() > Duration::from_millis(300)) {
            return Outcome { sent, received };
        }
    }
}
