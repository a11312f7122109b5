//! Sockets that a service manager hands over hold requests from before the start: what waits for the first discovery of
//! the external address, and for how long.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::running::{AcceptedStream, Running};
use super::start::start_with;
use crate::credentials::{Authority, mint};
use crate::discovery::AddressReport;
use crate::limits::FIRST_DISCOVERY_MS_MAX;
use crate::settings::{OpenedSockets, Settings};
use crate::shared::{ExternalAddress, RelayAddress};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Class, Key, Message, Method, Writer, attribute};

const SECRET: &[u8] = b"north";
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

struct Always;

impl Authority for Always {
    fn now_unix_s(&self) -> u64 {
        1
    }

    fn secrets(&self) -> Vec<Arc<[u8]>> {
        vec![Arc::from(SECRET)]
    }

    fn is_revoked(&self, _user: &str) -> bool {
        false
    }
}

/// Sockets of a relay, opened before it starts, and a listener that stands for the HTTPS port.
struct HandedOver {
    udp: Arc<UdpSocket>,
    tcp: Arc<TcpListener>,
    https: TcpListener,
}

impl HandedOver {
    fn new() -> Self {
        let listener = || TcpListener::bind((LOOPBACK, 0)).unwrap();
        Self { udp: Arc::new(UdpSocket::bind((LOOPBACK, 0)).unwrap()), tcp: Arc::new(listener()), https: listener() }
    }

    /// Starts a relay with these sockets. Its first discovery ends when the sender is used or dropped.
    fn start(&self) -> (Running, Sender<()>) {
        self.udp.set_nonblocking(true).unwrap();
        self.tcp.set_nonblocking(true).unwrap();
        let settings = Settings {
            udp: vec![self.udp.local_addr().unwrap()],
            tcp: vec![self.tcp.local_addr().unwrap()],
            opened: OpenedSockets { udp: vec![Arc::clone(&self.udp)], streams: vec![Arc::clone(&self.tcp)] },
            threads: 2,
            ..Settings::new()
        };
        let (finish, finished) = channel();
        let address = RelayAddress { local: LOOPBACK.into(), public: LOOPBACK.into() };
        let external_address = ExternalAddress { v4: Some(address), v6: None, own: vec![LOOPBACK.into()] };
        let report = AddressReport { external_address, warnings: Vec::new() };
        let discover = move |_: &Settings| {
            let _ = finished.recv();
            report.clone()
        };
        let running = start_with(settings, Arc::new(Always), Arc::new(|bytes| bytes.fill(7)), Box::new(discover));
        (running.unwrap(), finish)
    }
}

/// A client over UDP or TCP.
enum Client {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Client {
    fn udp(to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        socket.connect(to).unwrap();
        Self::Udp(socket)
    }

    /// Sends an Allocate request; with the challenge to an earlier one, if there was one.
    fn allocate(&mut self, challenge: Option<&Message<'_>>) {
        let mut packet = Vec::new();
        let mut writer = Writer::new(&mut packet, Method::ALLOCATE, Class::Request, [5; 12]);
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        if let Some(challenge) = challenge {
            let login = mint(SECRET, "@alice:example.org", 2_000_000_000);
            let (realm, nonce) = (challenge.get(attribute::REALM).unwrap(), challenge.get(attribute::NONCE).unwrap());
            writer.put(attribute::USERNAME, login.username.as_bytes());
            writer.put(attribute::REALM, realm.value).put(attribute::NONCE, nonce.value);
            let realm = std::str::from_utf8(realm.value).unwrap();
            let key = Key::long_term(Algorithm::Md5, &login.username, realm, &login.password);
            writer.put_integrity(Integrity::Sha1, &key);
        }
        match self {
            Self::Udp(socket) => assert_eq!(socket.send(&packet).unwrap(), packet.len()),
            Self::Tcp(stream) => stream.write_all(&packet).unwrap(),
        }
    }

    /// The next message, or why there is none.
    fn receive(&mut self, wait: Option<Duration>) -> std::io::Result<Vec<u8>> {
        let mut buffer = vec![0; 1_500];
        let bytes = match self {
            Self::Udp(socket) => {
                socket.set_nonblocking(wait.is_none())?;
                wait.map_or(Ok(()), |wait| socket.set_read_timeout(Some(wait)))?;
                socket.recv(&mut buffer)?
            }
            Self::Tcp(stream) => {
                stream.set_nonblocking(wait.is_none())?;
                wait.map_or(Ok(()), |wait| stream.set_read_timeout(Some(wait)))?;
                stream.read(&mut buffer)?
            }
        };
        buffer.truncate(bytes);
        Ok(buffer)
    }
}

#[test]
fn what_waits_in_sockets_is_served_when_the_address_is_known() {
    let sockets = HandedOver::new();
    let mut clients = vec![Client::udp(sockets.udp.local_addr().unwrap())];
    for listener in [&*sockets.tcp, &sockets.https] {
        clients.push(Client::Tcp(TcpStream::connect(listener.local_addr().unwrap()).unwrap()));
    }
    clients.iter_mut().for_each(|client| client.allocate(None));
    let (running, finish) = sockets.start();
    let (stream, _) = sockets.https.accept().unwrap();
    running.adopt(AcceptedStream { stream, tls: None, read: Vec::new() });
    // A thread answers after it has served its sockets. Several times: accepting and reading are two steps.
    for _ in 0..4 {
        assert!(running.allocations().is_empty());
    }
    for client in &mut clients {
        assert_eq!(client.receive(None).unwrap_err().kind(), ErrorKind::WouldBlock, "answered without an address");
    }
    finish.send(()).unwrap();
    for client in &mut clients {
        let wait = Some(Duration::from_secs(30));
        let challenge = client.receive(wait).unwrap();
        assert_eq!(Message::parse(&challenge).unwrap().error_code(), Some(401));
        client.allocate(Some(&Message::parse(&challenge).unwrap()));
        let answer = client.receive(wait).unwrap();
        let answer = Message::parse(&answer).unwrap();
        assert_eq!(answer.error_code(), None, "440 without an address");
        assert_eq!(answer.addresses(attribute::XOR_RELAYED_ADDRESS).next().unwrap().unwrap().ip(), LOOPBACK);
    }
    // The next discovery must not wait when the relay stops.
    drop(finish);
}

#[test]
fn a_discovery_that_does_not_end_holds_nothing_back_for_ever() {
    let sockets = HandedOver::new();
    let mut client = Client::udp(sockets.udp.local_addr().unwrap());
    client.allocate(None);
    let (running, finish) = sockets.start();
    let answer = client.receive(Some(Duration::from_millis(6 * FIRST_DISCOVERY_MS_MAX))).unwrap();
    assert_eq!(Message::parse(&answer).unwrap().error_code(), Some(401));
    assert_eq!(running.external_address().v4, None);
    drop(finish);
}
