//! A way between the relay and a client that knows no other than UDP over IPv4, as webrtc-rs's: what the client sends here goes
//! on over UDP, TCP or TLS, IPv4 or IPv6, and what the relay answers comes back. Knows no TURN beyond how frames are told apart.
//! To a relay that needs no such help there is no hop: the client goes there itself.

#![expect(clippy::disallowed_methods, reason = "tasks of a test end with it")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use hearth_turn::Transport;
use hearth_turn::stun::channel_data;

use super::streams::At;

/// Packets that wait to go on; more get lost, as in a network.
const WAITING_MAX: usize = 1_024;

/// Where the relay is, and how it is reached.
#[derive(Clone)]
struct Way {
    relay: SocketAddr,
    transport: Transport,
    /// Whom TLS trusts, which takes the relay for `localhost`.
    trust: Arc<ClientConfig>,
}

/// Carries for any number of clients until it is dropped.
pub(crate) struct Hop {
    /// Where clients find the relay.
    pub at: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl Drop for Hop {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What it takes to answer a client.
#[derive(Clone)]
struct Back {
    socket: Arc<UdpSocket>,
    client: SocketAddr,
}

impl Back {
    async fn bring(&self, packet: &[u8]) {
        // A client that is gone needs no answer.
        let _ = self.socket.send_to(packet, self.client).await;
    }
}

impl Hop {
    pub(crate) async fn to(here: &At, transport: Transport) -> Self {
        let way = Way { relay: here.address(transport), transport, trust: Arc::clone(&here.trust) };
        if transport == Transport::Udp && way.relay.is_ipv4() {
            return Self { at: way.relay, task: None };
        }
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let at = socket.local_addr().unwrap();
        Self { at, task: Some(tokio::spawn(serve(socket, way))) }
    }
}

async fn serve(socket: Arc<UdpSocket>, way: Way) {
    let mut clients: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    while let Ok((bytes, client)) = socket.recv_from(&mut buffer).await {
        let onward = clients.entry(client).or_insert_with(|| {
            let (sender, packets) = mpsc::channel(WAITING_MAX);
            let back = Back { socket: Arc::clone(&socket), client };
            tokio::spawn(carry(way.clone(), packets, back));
            sender
        });
        let _ = onward.try_send(buffer[..bytes].to_vec());
    }
}

async fn carry(way: Way, packets: mpsc::Receiver<Vec<u8>>, back: Back) {
    if way.transport == Transport::Udp {
        return as_datagrams(way.relay, packets, back).await;
    }
    let stream = TcpStream::connect(way.relay).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if way.transport == Transport::Tcp {
        return as_frames(stream, packets, back).await;
    }
    let name = ServerName::try_from("localhost").unwrap();
    as_frames(TlsConnector::from(way.trust).connect(name, stream).await.unwrap(), packets, back).await;
}

async fn as_datagrams(relay: SocketAddr, mut packets: mpsc::Receiver<Vec<u8>>, back: Back) {
    let any = if relay.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(any).await.unwrap();
    socket.connect(relay).await.unwrap();
    let mut buffer = vec![0; 65_536];
    loop {
        tokio::select! {
            packet = packets.recv() => match packet {
                Some(packet) => _ = socket.send(&packet).await,
                None => return,
            },
            Ok(bytes) = socket.recv(&mut buffer) => back.bring(&buffer[..bytes]).await,
        }
    }
}

async fn as_frames(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    mut packets: mpsc::Receiver<Vec<u8>>,
    back: Back,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let returning = tokio::spawn(async move {
        while let Some(packet) = read_frame(&mut reader).await {
            back.bring(&packet).await;
        }
    });
    while let Some(mut packet) = packets.recv().await {
        packet.resize(packet.len().next_multiple_of(4), 0);
        if writer.write_all(&packet).await.is_err() || writer.flush().await.is_err() {
            break;
        }
    }
    returning.abort();
}

/// The next message or channel data, without padding; none at the end.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut packet = vec![0; 4];
    reader.read_exact(&mut packet).await.ok()?;
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let (whole, padded) = match channel_data::is_channel_data(packet[0]) {
        true => (4 + length, 4 + length.next_multiple_of(4)),
        false => (20 + length, 20 + length),
    };
    packet.resize(padded, 0);
    reader.read_exact(&mut packet[4..]).await.ok()?;
    packet.truncate(whole);
    Some(packet)
}
