//! Addresses in attributes. They are XORed with the magic cookie and the transaction id, because some NATs
//! rewrite plain addresses in payloads (RFC 8489 section 14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{MAGIC_COOKIE, TransactionId};

/// Bytes of an IPv6 address value.
pub const ADDRESS_BYTES_MAX: usize = 20;
const PORT_XOR: u16 = (MAGIC_COOKIE >> 16) as u16;

fn mask_v6(transaction: &TransactionId) -> u128 {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(transaction);
    u128::from_be_bytes(mask)
}

/// Reads an XORed address. `None` if it is malformed.
#[must_use]
pub fn read_xor(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let [_, family, p0, p1, ip @ ..] = value else { return None };
    let port = u16::from_be_bytes([*p0, *p1]) ^ PORT_XOR;
    let ip: IpAddr = match family {
        1 => Ipv4Addr::from_bits(u32::from_be_bytes(ip.try_into().ok()?) ^ MAGIC_COOKIE).into(),
        2 => Ipv6Addr::from_bits(u128::from_be_bytes(ip.try_into().ok()?) ^ mask_v6(transaction)).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes an XORed address and returns its length in bytes: 8 or 20.
pub fn write_xor(address: SocketAddr, transaction: &TransactionId, out: &mut [u8; ADDRESS_BYTES_MAX]) -> usize {
    out[0] = 0;
    out[2..4].copy_from_slice(&(address.port() ^ PORT_XOR).to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            out[1] = 1;
            out[4..8].copy_from_slice(&(ip.to_bits() ^ MAGIC_COOKIE).to_be_bytes());
            8
        }
        IpAddr::V6(ip) => {
            out[1] = 2;
            out[4..20].copy_from_slice(&(ip.to_bits() ^ mask_v6(transaction)).to_be_bytes());
            20
        }
    }
}
