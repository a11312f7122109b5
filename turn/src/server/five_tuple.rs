//! The five-tuple of a client (RFC 8656 section 2). Each allocation belongs to exactly one.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// The transport between client and relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// Whether packets arrive on a stream, where ChannelData is padded (RFC 8656 section 12.5).
    #[must_use]
    pub fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// A five-tuple: transport, client address and server address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiveTuple {
    /// The transport protocol.
    pub transport: Transport,
    /// Address and port of the client.
    pub client: SocketAddr,
    /// Address and port of the server, as the client used them.
    pub local: SocketAddr,
    /// Index of the listener or stream, so that the thread finds the socket without a look-up.
    pub link: u32,
}

impl Hash for FiveTuple {
    /// Hashes only what usually differs between clients, because this runs for every datagram.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.client.ip() {
            IpAddr::V4(ip) => {
                state.write_u64(u64::from(ip.to_bits()) << 32 | u64::from(self.client.port()));
            }
            IpAddr::V6(ip) => {
                state.write_u128(ip.to_bits());
                state.write_u16(self.client.port());
            }
        }
        state.write_u32(self.link);
    }
}
