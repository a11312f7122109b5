//! Fuzz target for streams. Input cut anywhere must give the same packets as input in one piece, and output
//! must arrive complete and in order. Covers TCP, TLS, and noise instead of a TLS handshake. Not part of a
//! release build.

#![expect(clippy::panic, reason = "a violated invariant must fail the fuzzer or the test")]

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::stream::{Stream, StreamEnd};
use super::stream_limiter::StreamLimiter;
use crate::fuzzing::script::Script;
use crate::limits::{FRAME_BYTES_MAX, STREAM_QUEUE_BYTES_MAX};
use crate::server::{FiveTuple, Transport};

/// Bytes of input in one script: what a socket buffer is certain to hold.
const STREAM_BYTES_MAX: usize = 64 * 1_024;
/// Steps of one script.
const STEPS_MAX: usize = 200;
/// Round trips that a handshake may take.
const HANDSHAKE_TURNS_MAX: usize = 20;

/// What a script reached. A test uses it to check that the corpus covers every outcome.
#[derive(Debug, Default)]
pub struct StreamCoverage {
    /// Packets received.
    pub packets: usize,
    /// Frames sent.
    pub frames: usize,
    /// Whether a TLS handshake was completed.
    pub tls: bool,
    /// Whether the stream ended because of an invalid frame.
    pub invalid_frame: bool,
    /// Whether frames were dropped because the queue was full.
    pub full: bool,
}

/// Runs a script.
///
/// # Panics
/// If a check fails.
pub fn stream(bytes: &[u8]) -> StreamCoverage {
    let mut script = Script::new(bytes);
    match script.byte() {
        0..200 => StreamSession::new(None, script.take(0)).run(&mut script),
        200..220 => {
            // The listener that accepted the stream has read the first bytes to detect the protocol.
            let count = usize::from(script.byte());
            StreamSession::new(None, script.take(count)).run(&mut script)
        }
        220..240 => {
            let mut session = StreamSession::new(Some(configs()), &[]);
            session.shake_hands();
            session.run(&mut script)
        }
        _ => noise_instead_of_tls(&mut script),
    }
}

/// TLS configurations of server and client.
type Configs = (Arc<ServerConfig>, Arc<ClientConfig>);

fn configs() -> &'static Configs {
    static CONFIGS: OnceLock<Configs> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("localhost is a valid name");
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key))
            .expect("certificate and key match");
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("the certificate is valid");
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server), Arc::new(client))
    })
}

/// A stream of the relay, and the client's socket.
fn pair(tls: Option<ServerConnection>, read: &[u8]) -> (Stream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    for socket in [&ours, &theirs] {
        socket.set_nonblocking(true).expect("non-blocking mode");
    }
    let socket = mio::net::TcpStream::from_std(TcpStream::from(OwnedFd::from(ours)));
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
    let five_tuple = FiveTuple { transport, client: at(1), local: at(3_478), link: 0 };
    let permit = Arc::new(StreamLimiter::new(1, 1)).acquire(five_tuple.client.ip()).expect("the first stream");
    (Stream::new(socket, tls.map(Box::new), read.to_vec(), five_tuple, 0, permit), theirs)
}

/// Noise instead of a handshake: gives no frame and blocks nothing.
fn noise_instead_of_tls(script: &mut Script<'_>) -> StreamCoverage {
    let session = ServerConnection::new(Arc::clone(&configs().0)).expect("a valid configuration");
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
            Ok(more) => assert!(!more, "noise gives nothing to read"),
        }
        assert!(matches!(stream.frame(0), Ok(None)), "noise gives no frame");
        if stream.flush().is_err() {
            break;
        }
    }
    StreamCoverage::default()
}

/// A client and its stream.
struct StreamSession {
    stream: Stream,
    socket: UnixStream,
    tls: Option<ClientConnection>,
    /// Everything the client has written.
    written: Vec<u8>,
    /// What of it has not been delivered, encrypted for TLS.
    wire: VecDeque<u8>,
    packets: Vec<Vec<u8>>,
    ended: Option<StreamEnd>,
    /// Frames that the relay accepted for sending, and how much of them the client has read.
    queued: Vec<u8>,
    read_bytes: usize,
    coverage: StreamCoverage,
}

impl StreamSession {
    fn new(tls: Option<&Configs>, read: &[u8]) -> Self {
        let sessions = tls.map(|(server, client)| {
            let name = ServerName::try_from("localhost").expect("localhost is a valid name");
            let client = ClientConnection::new(Arc::clone(client), name).expect("a valid configuration");
            (ServerConnection::new(Arc::clone(server)).expect("a valid configuration"), client)
        });
        let (server, client) = sessions.unzip();
        let (stream, socket) = pair(server, read);
        Self {
            stream,
            socket,
            tls: client,
            written: read.to_vec(),
            wire: VecDeque::new(),
            packets: Vec::new(),
            ended: None,
            queued: Vec::new(),
            read_bytes: 0,
            coverage: StreamCoverage::default(),
        }
    }

    fn shake_hands(&mut self) {
        for _ in 0..HANDSHAKE_TURNS_MAX {
            self.encrypt();
            self.deliver(usize::MAX);
            self.read_output();
            if self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking() && !tls.wants_write()) {
                self.coverage.tls = true;
                return;
            }
        }
        panic!("the handshake does not complete");
    }

    /// Moves the output of the client's TLS session to the wire.
    fn encrypt(&mut self) {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            tls.write_tls(&mut self.wire).expect("writing to memory succeeds");
        }
    }

    fn run(mut self, script: &mut Script<'_>) -> StreamCoverage {
        for _ in 0..STEPS_MAX {
            if script.is_over() || self.ended.is_some() {
                break;
            }
            self.step(script);
        }
        self.deliver(usize::MAX);
        self.check_output();
        if self.ended.is_none() && script.byte() & 1 == 0 {
            self.socket.shutdown(std::net::Shutdown::Write).expect("the socket is open");
            self.serve();
            assert_eq!(self.ended, Some(StreamEnd::Closed), "the end of the stream is detected");
        }
        self.check_packets();
        self.coverage
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 16 {
            0..4 => {
                let (channel, length) = (0x40 | script.byte() & 0x3F, size(script));
                let bytes = [&[channel, 0][..], &(length as u16).to_be_bytes(), &vec![channel; length]].concat();
                self.write(&bytes);
                self.write(&[0; 3][..length.next_multiple_of(4) - length]);
            }
            4..7 => {
                let (kind, length) = (script.byte() & 3, size(script));
                let header = [&[kind, 1][..], &(length as u16).to_be_bytes(), &[0; 16]].concat();
                self.write(&header);
                self.write(&vec![kind; length]);
            }
            7 => {
                let count = usize::from(script.byte());
                self.write(script.take(count));
            }
            8..11 => {
                let count = size(script);
                self.deliver(count);
            }
            11 => self.deliver(usize::MAX),
            12 | 13 => {
                // Frames have at least four bytes: ChannelData without a payload.
                let (length, times) = (size(script).max(4), script.byte() % 32);
                (0..=times).for_each(|at| self.queue(length, at));
            }
            14 => _ = self.stream.flush(),
            _ => self.read_output(),
        }
    }

    /// The client writes bytes; they are not delivered yet.
    fn write(&mut self, bytes: &[u8]) {
        if self.written.len() + bytes.len() > STREAM_BYTES_MAX {
            return;
        }
        self.written.extend_from_slice(bytes);
        match &mut self.tls {
            None => self.wire.extend(bytes),
            Some(tls) => {
                tls.writer().write_all(bytes).expect("the TLS buffer is unbounded");
                self.encrypt();
            }
        }
    }

    /// Delivers up to `count` bytes.
    fn deliver(&mut self, count: usize) {
        let piece: Vec<u8> = self.wire.drain(..count.min(self.wire.len())).collect();
        if self.ended.is_none() {
            self.socket.write_all(&piece).expect("the socket buffer holds a whole script");
            self.serve();
        }
    }

    /// Serves a readable stream, as a relay thread does.
    fn serve(&mut self) {
        for _ in 0..=2 * STREAM_BYTES_MAX / FRAME_BYTES_MAX + 2 {
            let more = self.stream.fill();
            if more != Err(StreamEnd::InvalidFrame) {
                self.take_frames();
            }
            if self.ended.is_none() {
                self.ended = more.err().or_else(|| self.stream.flush().err());
            }
            if self.ended.is_some() || more == Ok(false) {
                return;
            }
        }
        panic!("the stream never drains");
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

    /// The relay queues a frame for the client.
    fn queue(&mut self, length: usize, filling: u8) {
        let frame = vec![filling; length];
        if self.stream.queue(&frame) {
            self.queued.extend_from_slice(&frame);
            self.coverage.frames += 1;
        } else {
            self.coverage.full = true;
            assert!(
                self.queued.len() - self.read_bytes + length > STREAM_QUEUE_BYTES_MAX,
                "a frame is dropped although the queue has space"
            );
        }
    }

    /// The client reads what has arrived, and compares it.
    fn read_output(&mut self) {
        let mut buffer = vec![0; 16_384];
        loop {
            let read = match &mut self.tls {
                None => self.socket.read(&mut buffer),
                Some(tls) => match tls.reader().read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => match tls.read_tls(&mut self.socket) {
                        Ok(0) => return,
                        Ok(_) => {
                            tls.process_new_packets().expect("the relay sends valid TLS");
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
                    assert_eq!(
                        self.queued.get(self.read_bytes..self.read_bytes + count),
                        Some(&buffer[..count]),
                        "in order"
                    );
                    self.read_bytes += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the client cannot read: {error}"),
            }
        }
    }

    /// Everything that was queued must arrive once the client reads.
    fn check_output(&mut self) {
        for _ in 0..64 {
            self.read_output();
            if self.read_bytes == self.queued.len() || self.ended.is_some() {
                return;
            }
            self.ended = self.stream.flush().err();
        }
        panic!("{} of {} bytes arrive", self.read_bytes, self.queued.len());
    }

    /// The packets must be those of the uncut input.
    fn check_packets(&mut self) {
        let (packets, sound) = uncut(&self.written);
        let delivered = self.packets.len();
        assert!(packets.starts_with(&self.packets), "packets match the input");
        let all = self.wire.is_empty() || !sound;
        assert!(!all || packets.len() == delivered, "{delivered} of {} packets arrive", packets.len());
        let refused = self.ended == Some(StreamEnd::InvalidFrame);
        assert_eq!(refused, !sound, "only an invalid frame ends the stream");
        self.coverage.packets = delivered;
        self.coverage.invalid_frame = refused;
    }
}

/// Lengths around the limits.
fn size(script: &mut Script<'_>) -> usize {
    match script.byte() {
        small @ 0..160 => usize::from(small),
        240.. => FRAME_BYTES_MAX - 28 + usize::from(script.byte()) % 32,
        _ => usize::from(script.word()) % (FRAME_BYTES_MAX + 8),
    }
}

/// The packets of an uncut stream, and whether all of it was valid.
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
