//! A proxy between a client that speaks only UDP over IPv4, such as webrtc-rs's, and the relay over UDP, TCP or
//! TLS on IPv4 or IPv6. It knows no TURN beyond the framing on streams. Where no proxy is needed, clients
//! connect to the relay directly.

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

/// Packets in flight per client; further ones are dropped, as in a network.
const IN_FLIGHT_MAX: usize = 1_024;

/// Address and transport of the relay.
#[derive(Clone)]
struct RelayEndpoint {
    relay: SocketAddr,
    transport: Transport,
    /// Trusts the relay's certificate, which is for `localhost`.
    trust: Arc<ClientConfig>,
}

/// A running proxy, for any number of clients. Stops when dropped.
pub(crate) struct Proxy {
    /// The address for clients.
    pub at: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The way back to a client.
#[derive(Clone)]
struct ReturnAddress {
    socket: Arc<UdpSocket>,
    client: SocketAddr,
}

impl ReturnAddress {
    async fn send(&self, packet: &[u8]) {
        // The client may be gone.
        let _ = self.socket.send_to(packet, self.client).await;
    }
}

impl Proxy {
    pub(crate) async fn to(here: &At, transport: Transport) -> Self {
        let endpoint = RelayEndpoint { relay: here.address(transport), transport, trust: Arc::clone(&here.trust) };
        if transport == Transport::Udp && endpoint.relay.is_ipv4() {
            return Self { at: endpoint.relay, task: None };
        }
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let at = socket.local_addr().unwrap();
        Self { at, task: Some(tokio::spawn(serve(socket, endpoint))) }
    }
}

async fn serve(socket: Arc<UdpSocket>, endpoint: RelayEndpoint) {
    let mut clients: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    while let Ok((bytes, client)) = socket.recv_from(&mut buffer).await {
        let onward = clients.entry(client).or_insert_with(|| {
            let (sender, packets) = mpsc::channel(IN_FLIGHT_MAX);
            let client = ReturnAddress { socket: Arc::clone(&socket), client };
            tokio::spawn(forward(endpoint.clone(), packets, client));
            sender
        });
        let _ = onward.try_send(buffer[..bytes].to_vec());
    }
}

async fn forward(endpoint: RelayEndpoint, packets: mpsc::Receiver<Vec<u8>>, client: ReturnAddress) {
    if endpoint.transport == Transport::Udp {
        return forward_datagrams(endpoint.relay, packets, client).await;
    }
    let stream = TcpStream::connect(endpoint.relay).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if endpoint.transport == Transport::Tcp {
        return forward_frames(stream, packets, client).await;
    }
    let name = ServerName::try_from("localhost").unwrap();
    forward_frames(TlsConnector::from(endpoint.trust).connect(name, stream).await.unwrap(), packets, client).await;
}

async fn forward_datagrams(relay: SocketAddr, mut packets: mpsc::Receiver<Vec<u8>>, client: ReturnAddress) {
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
            Ok(bytes) = socket.recv(&mut buffer) => client.send(&buffer[..bytes]).await,
        }
    }
}

async fn forward_frames(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    mut packets: mpsc::Receiver<Vec<u8>>,
    client: ReturnAddress,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let returning = tokio::spawn(async move {
        while let Some(packet) = read_frame(&mut reader).await {
            client.send(&packet).await;
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

/// The next STUN message or ChannelData, without padding. `None` at the end of the stream.
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
