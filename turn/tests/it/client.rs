//! A minimal TURN client: one request at a time, over datagrams or a stream.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hearth_turn::stun::integrity::Integrity;
use hearth_turn::stun::{Algorithm, Class, Key, Message, Method, Writer, attribute, channel_data};

use super::harness::credentials;

/// A connection to the relay.
pub(crate) trait Link {
    fn send(&mut self, packet: &[u8]);
    /// The next packet. `None` after [`WAIT`], or if the relay has closed the connection.
    fn receive(&mut self) -> Option<Vec<u8>>;
}

pub(crate) const WAIT: Duration = Duration::from_millis(2_000);

pub(crate) struct Datagrams(pub UdpSocket);

impl Datagrams {
    pub(crate) fn to(relay: SocketAddr) -> Self {
        let any = if relay.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(relay).unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        Self(socket)
    }
}

impl Link for Datagrams {
    fn send(&mut self, packet: &[u8]) {
        self.0.send(packet).unwrap();
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        let bytes = self.0.recv(&mut buffer).ok()?;
        buffer.truncate(bytes);
        Some(buffer)
    }
}

/// TCP, or TLS over TCP.
pub(crate) struct Bytes<S>(pub S);

impl Bytes<TcpStream> {
    pub(crate) fn to(relay: SocketAddr) -> Self {
        let stream = TcpStream::connect(relay).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }
}

impl<S: Read + Write> Link for Bytes<S> {
    fn send(&mut self, packet: &[u8]) {
        let padding = packet.len().next_multiple_of(4) - packet.len();
        let padded = [packet, &[0; 3][..padding]].concat();
        self.0.write_all(&padded).unwrap();
        self.0.flush().unwrap();
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut head = [0; 4];
        self.0.read_exact(&mut head).ok()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (rest, keep) = if channel_data::is_channel_data(head[0]) {
            (length.next_multiple_of(4), length)
        } else {
            (length + 16, length + 16)
        };
        let mut body = vec![0; rest];
        self.0.read_exact(&mut body).ok()?;
        Some([&head[..], &body[..keep]].concat())
    }
}

pub(crate) struct Client<L> {
    pub link: L,
    pub username: String,
    pub password: String,
    realm: String,
    nonce: Vec<u8>,
    serial: u32,
}

/// A response: its error code (0 for success) and its bytes.
pub(crate) struct Answer {
    pub code: u16,
    bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    pub(crate) fn address(&self, kind: u16) -> SocketAddr {
        self.message().addresses(kind).next().unwrap().unwrap()
    }
}

impl<L: Link> Client<L> {
    pub(crate) fn new(link: L) -> Self {
        Self::of(link, "@alice:example.org")
    }

    pub(crate) fn of(link: L, user: &str) -> Self {
        let credentials = credentials(user);
        let (username, password) = (credentials.username, credentials.password);
        Self { link, username, password, realm: String::new(), nonce: Vec::new(), serial: 0 }
    }

    fn write(&mut self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Vec<u8> {
        self.serial += 1;
        let mut id = [5; 12];
        id[..4].copy_from_slice(&self.serial.to_be_bytes());
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, method, Class::Request, id);
        fill(&mut writer);
        if !self.nonce.is_empty() {
            writer.put(attribute::USERNAME, self.username.as_bytes());
            writer.put(attribute::REALM, self.realm.as_bytes()).put(attribute::NONCE, &self.nonce);
            let key = Key::long_term(Algorithm::Md5, &self.username, &self.realm, &self.password);
            writer.put_integrity(Integrity::Sha1, &key);
        }
        writer.put_fingerprint();
        out
    }

    /// Sends one request.
    pub(crate) fn once(&mut self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Answer {
        let request = self.write(method, fill);
        self.link.send(&request);
        let bytes = self.link.receive().expect("no answer");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.transaction()[..], request[8..20]);
        let code = message.error_code().unwrap_or(0);
        Answer { code, bytes }
    }

    /// Sends a request, and repeats it with credentials if challenged.
    pub(crate) fn ask(&mut self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Answer {
        let answer = self.once(method, fill);
        if ![401, 438].contains(&answer.code) {
            return answer;
        }
        let text = |kind| answer.message().get(kind).unwrap().value.to_vec();
        self.nonce = text(attribute::NONCE);
        self.realm = String::from_utf8(text(attribute::REALM)).unwrap();
        self.once(method, fill)
    }

    /// Allocates, and returns the relayed transport address.
    pub(crate) fn allocate(&mut self) -> SocketAddr {
        let answer = self.try_allocate();
        assert_eq!(answer.code, 0);
        answer.address(attribute::XOR_RELAYED_ADDRESS)
    }

    pub(crate) fn try_allocate(&mut self) -> Answer {
        self.allocate_with(&|_| {})
    }

    pub(crate) fn allocate_with(&mut self, fill: &dyn Fn(&mut Writer<'_>)) -> Answer {
        self.ask(Method::ALLOCATE, &|writer| {
            writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            fill(writer);
        })
    }

    pub(crate) fn permit(&mut self, peer: SocketAddr) -> u16 {
        self.ask(Method::CREATE_PERMISSION, &|writer| _ = writer.put_address(attribute::XOR_PEER_ADDRESS, peer)).code
    }

    pub(crate) fn bind(&mut self, channel: u16, peer: SocketAddr) -> u16 {
        let fill = |writer: &mut Writer<'_>| {
            writer.put_number(attribute::CHANNEL_NUMBER, u32::from(channel) << 16);
            writer.put_address(attribute::XOR_PEER_ADDRESS, peer);
        };
        self.ask(Method::CHANNEL_BIND, &fill).code
    }

    pub(crate) fn refresh(&mut self, lifetime_s: u32) -> u16 {
        self.ask(Method::REFRESH, &|writer| _ = writer.put_number(attribute::LIFETIME, lifetime_s)).code
    }

    pub(crate) fn send(&mut self, peer: SocketAddr, data: &[u8]) {
        let mut out = Vec::new();
        Writer::new(&mut out, Method::SEND, Class::Indication, [8; 12])
            .put_address(attribute::XOR_PEER_ADDRESS, peer)
            .put(attribute::DATA, data);
        self.link.send(&out);
    }

    pub(crate) fn send_channel(&mut self, channel: u16, data: &[u8]) {
        let header = channel_data::header(channel, u16::try_from(data.len()).unwrap());
        self.link.send(&[&header[..], data].concat());
    }

    /// The next data, with the channel or the peer it came from.
    pub(crate) fn receive(&mut self) -> Option<(Result<u16, SocketAddr>, Vec<u8>)> {
        let packet = self.link.receive()?;
        if let Some((channel, range)) = channel_data::read(&packet).filter(|_| channel_data::is_channel_data(packet[0]))
        {
            return Some((Ok(channel), packet[range].to_vec()));
        }
        let message = Message::parse(&packet).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
        let peer = message.addresses(attribute::XOR_PEER_ADDRESS).next().unwrap().unwrap();
        Some((Err(peer), message.get(attribute::DATA).unwrap().value.to_vec()))
    }

    /// Sends data to an echo and back, with Send and Data indications and with a channel.
    pub(crate) fn passes_data(&mut self, peer: SocketAddr) {
        assert_eq!(self.permit(peer), 0);
        for size in [0, 1, 160, 1_000, 1_200, 5_000, 9_000] {
            let data: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            self.send(peer, &data);
            assert_eq!(self.receive(), Some((Err(peer), data)), "{size} bytes");
        }
        assert_eq!(self.bind(0x4000, peer), 0);
        for size in [0, 1, 160, 1_000, 1_200, 5_000, 9_000] {
            let data: Vec<u8> = (0..size).map(|index| (index % 241) as u8).collect();
            self.send_channel(0x4000, &data);
            assert_eq!(self.receive(), Some((Ok(0x4000), data)), "{size} bytes");
        }
    }
}
