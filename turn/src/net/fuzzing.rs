//! The fuzzer's view of streams: what comes in pieces, cut anywhere, has to give the packets that it gives in one piece, and
//! what goes out arrives in order and whole. TCP, TLS, and noise instead of TLS. Not compiled into a relay.

#![expect(clippy::panic, reason = "that is how a fuzzer and a test hear of what is wrong")]

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::gate::Gate;
use super::stream::{Ended, Stream};
use crate::fuzzing::script::Script;
use crate::limits::{FRAME_BYTES_MAX, STREAM_QUEUE_BYTES_MAX};
use crate::server::{Path, Transport};

/// Bytes of one script's stream, at most: what a socket holds for sure.
const STREAM_BYTES_MAX: usize = 64 * 1_024;
/// Steps of one script.
const STEPS_MAX: usize = 200;
/// Turns that a handshake may take.
const HANDSHAKE_TURNS_MAX: usize = 20;

/// What a script led to, so that a test can tell that a collection of them leads everywhere.
#[derive(Debug, Default)]
pub struct Reached {
    /// Packets that came in.
    pub packets: usize,
    /// Frames that went out.
    pub frames: usize,
    /// Whether it was over TLS, after a handshake.
    pub tls: bool,
    /// Whether it ended because something was no frame.
    pub no_frame: bool,
    /// Whether frames found no room.
    pub full: bool,
}

/// Does what a script says.
///
/// # Panics
/// If something does not hold that has to.
pub fn stream(bytes: &[u8]) -> Reached {
    let mut script = Script::new(bytes);
    match script.byte() {
        0..200 => Talk::new(None, script.take(0)).run(&mut script),
        200..220 => {
            // The first bytes were read by somebody else, who found out what kind of stream it is.
            let count = usize::from(script.byte());
            Talk::new(None, script.take(count)).run(&mut script)
        }
        220..240 => {
            let mut talk = Talk::new(Some(configs()), &[]);
            talk.shake_hands();
            talk.run(&mut script)
        }
        _ => noise_instead_of_tls(&mut script),
    }
}

/// How TLS is spoken by both sides.
type Configs = (Arc<ServerConfig>, Arc<ClientConfig>);

fn configs() -> &'static Configs {
    static CONFIGS: OnceLock<Configs> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name is enough");
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key))
            .expect("certificate and key belong together");
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("just made");
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's own")
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server), Arc::new(client))
    })
}

/// A stream of the relay's, and the socket at the client's side.
fn pair(tls: Option<ServerConnection>, read: &[u8]) -> (Stream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("two more sockets");
    for socket in [&ours, &theirs] {
        socket.set_nonblocking(true).expect("sockets need not wait");
    }
    let socket = mio::net::TcpStream::from_std(TcpStream::from(OwnedFd::from(ours)));
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
    let path = Path { transport, client: at(1), local: at(3_478), link: 0 };
    let place = Arc::new(Gate::new(1, 1)).enter(path.client.ip()).expect("it is the only one");
    (Stream::new(socket, tls.map(Box::new), read.to_vec(), path, 0, place), theirs)
}

/// Whatever arrives instead of a handshake, nothing comes of it, and nobody waits.
fn noise_instead_of_tls(script: &mut Script<'_>) -> Reached {
    let session = ServerConnection::new(Arc::clone(&configs().0)).expect("the configuration is sound");
    let (mut stream, mut socket) = pair(Some(session), &[]);
    for _ in 0..STEPS_MAX {
        if script.is_over() {
            break;
        }
        let count = usize::from(script.byte());
        if socket.write_all(script.take(count)).is_err() {
            break;
        }
        match stream.fill() {
            Err(_) => break,
            Ok(more) => assert!(!more, "there is nothing to read"),
        }
        assert!(matches!(stream.frame(0), Ok(None)), "no frame comes out of noise");
        if stream.flush().is_err() {
            break;
        }
    }
    Reached::default()
}

/// Where a client is in what it says, and what it has heard.
struct Talk {
    stream: Stream,
    socket: UnixStream,
    tls: Option<ClientConnection>,
    /// All that the client has said.
    said: Vec<u8>,
    /// What of it is on its way, encrypted if that is how they talk.
    wire: VecDeque<u8>,
    packets: Vec<Vec<u8>>,
    ended: Option<Ended>,
    /// What was queued and found room, and how much of it the client has.
    queued: Vec<u8>,
    heard: usize,
    reached: Reached,
}

impl Talk {
    fn new(tls: Option<&Configs>, read: &[u8]) -> Self {
        let sessions = tls.map(|(server, client)| {
            let name = ServerName::try_from("localhost").expect("it is a name");
            let client = ClientConnection::new(Arc::clone(client), name).expect("the configuration is sound");
            (ServerConnection::new(Arc::clone(server)).expect("the configuration is sound"), client)
        });
        let (server, client) = sessions.unzip();
        let (stream, socket) = pair(server, read);
        Self {
            stream,
            socket,
            tls: client,
            said: read.to_vec(),
            wire: VecDeque::new(),
            packets: Vec::new(),
            ended: None,
            queued: Vec::new(),
            heard: 0,
            reached: Reached::default(),
        }
    }

    fn shake_hands(&mut self) {
        for _ in 0..HANDSHAKE_TURNS_MAX {
            self.encrypt();
            self.deliver(usize::MAX);
            self.hear();
            if self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking() && !tls.wants_write()) {
                self.reached.tls = true;
                return;
            }
        }
        panic!("a handshake does not end");
    }

    /// What the client's side of TLS has to send gets on its way.
    fn encrypt(&mut self) {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            tls.write_tls(&mut self.wire).expect("memory takes all");
        }
    }

    fn run(mut self, script: &mut Script<'_>) -> Reached {
        for _ in 0..STEPS_MAX {
            if script.is_over() || self.ended.is_some() {
                break;
            }
            self.step(script);
        }
        self.deliver(usize::MAX);
        self.check_heard();
        if self.ended.is_none() && script.byte() & 1 == 0 {
            self.socket.shutdown(std::net::Shutdown::Write).expect("it is open");
            self.serve();
            assert_eq!(self.ended, Some(Ended::Closed), "an end is noticed");
        }
        self.check_packets();
        self.reached
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 16 {
            0..4 => {
                let (channel, length) = (0x40 | script.byte() & 0x3F, size(script));
                let bytes = [&[channel, 0][..], &(length as u16).to_be_bytes(), &vec![channel; length]].concat();
                self.say(&bytes);
                self.say(&[0; 3][..length.next_multiple_of(4) - length]);
            }
            4..7 => {
                let (kind, length) = (script.byte() & 3, size(script));
                let header = [&[kind, 1][..], &(length as u16).to_be_bytes(), &[0; 16]].concat();
                self.say(&header);
                self.say(&vec![kind; length]);
            }
            7 => {
                let count = usize::from(script.byte());
                self.say(script.take(count));
            }
            8..11 => {
                let count = size(script);
                self.deliver(count);
            }
            11 => self.deliver(usize::MAX),
            12 | 13 => {
                // No frame is empty: the shortest is ChannelData without a payload.
                let (length, times) = (size(script).max(4), script.byte() % 32);
                (0..=times).for_each(|at| self.queue(length, at));
            }
            14 => _ = self.stream.flush(),
            _ => self.hear(),
        }
    }

    /// The client says something, which does not arrive yet.
    fn say(&mut self, bytes: &[u8]) {
        if self.said.len() + bytes.len() > STREAM_BYTES_MAX {
            return;
        }
        self.said.extend_from_slice(bytes);
        match &mut self.tls {
            None => self.wire.extend(bytes),
            Some(tls) => {
                tls.writer().write_all(bytes).expect("there is room for it");
                self.encrypt();
            }
        }
    }

    /// Up to `count` bytes arrive.
    fn deliver(&mut self, count: usize) {
        let piece: Vec<u8> = self.wire.drain(..count.min(self.wire.len())).collect();
        if self.ended.is_none() {
            self.socket.write_all(&piece).expect("a socket has room for what a script says");
            self.serve();
        }
    }

    /// What a thread does with a stream that has something to read.
    fn serve(&mut self) {
        for _ in 0..=2 * STREAM_BYTES_MAX / FRAME_BYTES_MAX + 2 {
            let more = self.stream.fill();
            if more != Err(Ended::NoFrame) {
                self.take_frames();
            }
            if self.ended.is_none() {
                self.ended = more.err().or_else(|| self.stream.flush().err());
            }
            if self.ended.is_some() || more == Ok(false) {
                return;
            }
        }
        panic!("there is always more to read");
    }

    fn take_frames(&mut self) {
        let mut at = 0;
        loop {
            match self.stream.frame(at) {
                Err(ended) => {
                    self.ended = Some(ended);
                    return;
                }
                Ok(None) => break,
                Ok(Some((range, whole))) => {
                    assert!(range.start == at && range.len() <= whole && whole <= FRAME_BYTES_MAX);
                    self.packets.push(self.stream.bytes(range).to_vec());
                    at += whole;
                }
            }
        }
        self.stream.consume(at);
    }

    /// The relay has a frame for the client.
    fn queue(&mut self, length: usize, filling: u8) {
        let frame = vec![filling; length];
        if self.stream.queue(&frame) {
            self.queued.extend_from_slice(&frame);
            self.reached.frames += 1;
        } else {
            self.reached.full = true;
            assert!(self.queued.len() - self.heard + length > STREAM_QUEUE_BYTES_MAX, "there is room");
        }
    }

    /// The client reads what is there, and compares.
    fn hear(&mut self) {
        let mut buffer = vec![0; 16_384];
        loop {
            let read = match &mut self.tls {
                None => self.socket.read(&mut buffer),
                Some(tls) => match tls.reader().read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => match tls.read_tls(&mut self.socket) {
                        Ok(0) => return,
                        Ok(_) => {
                            tls.process_new_packets().expect("the relay speaks TLS");
                            continue;
                        }
                        Err(error) => Err(error),
                    },
                    done => done,
                },
            };
            match read {
                Ok(0) => return,
                Ok(count) => {
                    assert_eq!(self.queued.get(self.heard..self.heard + count), Some(&buffer[..count]), "in order");
                    self.heard += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the client cannot read: {error}"),
            }
        }
    }

    /// All that found room has arrived, once there is room on the way.
    fn check_heard(&mut self) {
        for _ in 0..64 {
            self.hear();
            if self.heard == self.queued.len() || self.ended.is_some() {
                return;
            }
            self.ended = self.stream.flush().err();
        }
        panic!("{} of {} bytes arrive", self.heard, self.queued.len());
    }

    /// Cut anywhere, it is what it would have been in one piece.
    fn check_packets(&mut self) {
        let (packets, sound) = uncut(&self.said);
        let delivered = self.packets.len();
        assert!(packets.starts_with(&self.packets), "packets are what was said");
        let all = self.wire.is_empty() || !sound;
        assert!(!all || packets.len() == delivered, "{delivered} of {} packets arrive", packets.len());
        let refused = self.ended == Some(Ended::NoFrame);
        assert_eq!(refused, !sound, "what is no frame ends a stream, and nothing else does");
        self.reached.packets = delivered;
        self.reached.no_frame = refused;
    }
}

/// Lengths around everything that matters.
fn size(script: &mut Script<'_>) -> usize {
    match script.byte() {
        small @ 0..160 => usize::from(small),
        240.. => FRAME_BYTES_MAX - 28 + usize::from(script.byte()) % 32,
        _ => usize::from(script.word()) % (FRAME_BYTES_MAX + 8),
    }
}

/// The packets in a stream that is there as a whole, and whether it could go on.
fn uncut(mut rest: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut packets = Vec::new();
    while rest.len() >= 4 {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (bytes, whole) = match rest[0] {
            0x00..=0x03 => (20 + length, 20 + length),
            0x40..=0x7F => (4 + length, (4 + length).div_ceil(4) * 4),
            _ => return (packets, false),
        };
        if whole > FRAME_BYTES_MAX {
            return (packets, false);
        }
        let Some(frame) = rest.get(..whole) else { break };
        packets.push(frame[..bytes].to_vec());
        rest = &rest[whole..];
    }
    (packets, true)
}
