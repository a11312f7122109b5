//! The five-tuple: how a client reaches us. An allocation belongs to one.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// What carries a client's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// Whether packets arrive as a stream, in which ChannelData is padded (RFC 8656 section 12.5).
    #[must_use]
    pub fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// How a client reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// What carries its packets.
    pub transport: Transport,
    /// Where it is.
    pub client: SocketAddr,
    /// Which of our addresses it knows.
    pub local: SocketAddr,
    /// Which socket or stream it is, for whoever moves the packets.
    pub link: u32,
}

impl Hash for Path {
    /// Only what tells clients apart: this is computed for every datagram of a client.
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
