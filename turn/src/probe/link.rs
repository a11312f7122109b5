//! The transport to the relay as the client library needs it: a connection that sends and receives packets. UDP uses a
//! socket; on a stream, with or without TLS, packets follow one another (RFC 8656, section 2.1).

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Mutex;
use webrtc_util::{Conn, Error as UtilError};

use super::{Probe, ProbeError};
use crate::limits::FRAME_BYTES_MAX;
use crate::server::Transport;

/// The header of a STUN message, and of ChannelData (RFC 8489, section 5; RFC 8656, section 12.4). Defined again here,
/// so that a mistake in the relay's own code does not recur in its test.
const MESSAGE_HEADER_BYTES: usize = 20;
const CHANNEL_HEADER_BYTES: usize = 4;

pub(super) type Link = Arc<dyn Conn + Send + Sync>;

/// Connects. Waits at most [`Probe::wait`] for the connection, and as long again for TLS.
pub(super) async fn open(at: SocketAddr, probe: &Probe) -> Result<Link, ProbeError> {
    let connect = |error| ProbeError::Connect { at, error };
    if probe.transport == Transport::Udp {
        let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        return Ok(Arc::new(UdpSocket::bind(any).await.map_err(connect)?));
    }
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let connecting = tokio::time::timeout(probe.wait, TcpStream::connect(at)).await;
    let stream = connecting.unwrap_or_else(|_| Err(late())).map_err(connect)?;
    stream.set_nodelay(true).map_err(connect)?;
    let local = stream.local_addr().map_err(connect)?;
    let Some(config) = probe.tls.as_ref().filter(|_| probe.transport == Transport::Tls) else {
        return Ok(Arc::new(StreamLink::new(stream, local, at)));
    };
    let name = ServerName::try_from(probe.host.clone()).map_err(|_| ProbeError::Name(probe.host.clone()))?;
    let handshake = tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name, stream);
    let handshake = tokio::time::timeout(probe.wait, handshake).await.unwrap_or_else(|_| Err(late()));
    let stream = handshake.map_err(|error| ProbeError::Tls(error.to_string()))?;
    Ok(Arc::new(StreamLink::new(stream, local, at)))
}

struct StreamLink<S> {
    reading: Mutex<ReadHalf<S>>,
    writing: Mutex<WriteHalf<S>>,
    local: SocketAddr,
    remote: SocketAddr,
}

impl<S: AsyncRead + AsyncWrite> StreamLink<S> {
    fn new(stream: S, local: SocketAddr, remote: SocketAddr) -> Self {
        let (reading, writing) = tokio::io::split(stream);
        Self { reading: Mutex::new(reading), writing: Mutex::new(writing), local, remote }
    }
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Send + 'static> Conn for StreamLink<S> {
    async fn connect(&self, _: SocketAddr) -> Result<(), UtilError> {
        Ok(())
    }

    async fn recv(&self, packet: &mut [u8]) -> Result<usize, UtilError> {
        Ok(read_packet(&mut *self.reading.lock().await, packet).await?)
    }

    async fn recv_from(&self, packet: &mut [u8]) -> Result<(usize, SocketAddr), UtilError> {
        Ok((self.recv(packet).await?, self.remote))
    }

    async fn send(&self, packet: &[u8]) -> Result<usize, UtilError> {
        let mut writing = self.writing.lock().await;
        writing.write_all(packet).await?;
        writing.flush().await?;
        Ok(packet.len())
    }

    async fn send_to(&self, packet: &[u8], _: SocketAddr) -> Result<usize, UtilError> {
        self.send(packet).await
    }

    fn local_addr(&self) -> Result<SocketAddr, UtilError> {
        Ok(self.local)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        Some(self.remote)
    }

    async fn close(&self) -> Result<(), UtilError> {
        Ok(self.writing.lock().await.shutdown().await?)
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

/// Reads the next packet of a stream. The first two bits distinguish STUN messages (0) from ChannelData (1), which is
/// padded to four bytes.
async fn read_packet(stream: &mut (impl AsyncRead + Unpin), packet: &mut [u8]) -> io::Result<usize> {
    let strange = || io::Error::other("what came is no answer of a relay");
    let head = packet.get_mut(..CHANNEL_HEADER_BYTES).ok_or_else(strange)?;
    stream.read_exact(head).await?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let whole = match head[0] >> 6 {
        0 => MESSAGE_HEADER_BYTES + length,
        1 => CHANNEL_HEADER_BYTES + length.next_multiple_of(4),
        _ => return Err(strange()),
    };
    // The length is from the network: check it before reading.
    let rest = packet.get_mut(CHANNEL_HEADER_BYTES..whole).filter(|_| whole <= FRAME_BYTES_MAX).ok_or_else(strange)?;
    stream.read_exact(rest).await?;
    Ok(whole)
}
