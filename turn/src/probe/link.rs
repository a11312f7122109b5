//! The way to the relay: datagrams, a stream, or a stream with TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::{Probe, ProbeError};
use crate::limits::FRAME_BYTES_MAX;
use crate::server::Transport;
use crate::stun::{HEADER_BYTES, channel_data};

pub(super) enum Link {
    Datagrams(UdpSocket),
    Stream(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    pub(super) fn open(at: SocketAddr, probe: &Probe) -> Result<Self, ProbeError> {
        let connect = |error| ProbeError::Connect { at, error };
        if probe.transport == Transport::Udp {
            let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).map_err(connect)?;
            socket.connect(at).map_err(connect)?;
            socket.set_read_timeout(Some(probe.wait)).map_err(connect)?;
            return Ok(Self::Datagrams(socket));
        }
        let stream = TcpStream::connect_timeout(&at, probe.wait).map_err(connect)?;
        stream.set_read_timeout(Some(probe.wait)).map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        let Some(config) = probe.tls.as_ref().filter(|_| probe.transport == Transport::Tls) else {
            return Ok(Self::Stream(stream));
        };
        let name = ServerName::try_from(probe.host.clone()).map_err(|_| ProbeError::Name(probe.host.clone()))?;
        let session =
            ClientConnection::new(config.clone(), name).map_err(|error| ProbeError::Tls(error.to_string()))?;
        let mut tls = Box::new(StreamOwned::new(session, stream));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock).map_err(|error| ProbeError::Tls(error.to_string()))?;
        }
        Ok(Self::Tls(tls))
    }

    pub(super) fn send(&mut self, packet: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Datagrams(socket) => socket.send(packet).map(drop),
            Self::Stream(stream) => stream.write_all(packet),
            Self::Tls(stream) => stream.write_all(packet).and_then(|()| stream.flush()),
        }
    }

    /// The next packet; none if none comes in time.
    pub(super) fn receive(&mut self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Datagrams(socket) => {
                let mut buffer = vec![0; FRAME_BYTES_MAX];
                let bytes = socket.recv(&mut buffer)?;
                buffer.truncate(bytes);
                Ok(buffer)
            }
            Self::Stream(stream) => read_frame(stream),
            Self::Tls(stream) => read_frame(stream),
        }
    }
}

fn read_frame(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame)?;
    let length = usize::from(u16::from_be_bytes([frame[2], frame[3]]));
    let whole =
        if channel_data::is_channel_data(frame[0]) { 4 + length.next_multiple_of(4) } else { HEADER_BYTES + length };
    if whole > FRAME_BYTES_MAX {
        return Err(std::io::Error::other("what came is no answer of a relay"));
    }
    frame.resize(whole, 0);
    stream.read_exact(&mut frame[4..])?;
    Ok(frame)
}
