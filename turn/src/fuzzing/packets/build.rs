//! Builds packets from a script: from valid signed requests down to noise.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::super::script::Script;
use super::harness::{OTHER_OWN, OWN, Ports, TestAuth, USERS};
use crate::credentials::{Authority, mint};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Class, Key, Method, Writer, attribute, channel_data};

/// What a client remembers from responses.
#[derive(Default, Clone)]
pub(super) struct ClientMemory {
    pub(super) nonce: Vec<u8>,
    pub(super) last: Vec<u8>,
}

/// The inputs for building a packet.
pub(super) struct PacketBuilder<'a> {
    pub(super) auth: &'a TestAuth,
    pub(super) ports: &'a Ports,
    pub(super) memory: &'a ClientMemory,
    /// The newest reservation token, of any client.
    pub(super) token: &'a [u8],
    /// The newest nonce that another source has.
    pub(super) stolen: &'a [u8],
}

const METHODS: [Method; 6] = [
    Method::ALLOCATE,
    Method::CREATE_PERMISSION,
    Method::CHANNEL_BIND,
    Method::REFRESH,
    Method::ALLOCATE,
    Method::BINDING,
];
const KNOWN: [u16; 23] = [
    attribute::MAPPED_ADDRESS,
    attribute::USERNAME,
    attribute::MESSAGE_INTEGRITY,
    attribute::ERROR_CODE,
    attribute::UNKNOWN_ATTRIBUTES,
    attribute::CHANNEL_NUMBER,
    attribute::LIFETIME,
    attribute::XOR_PEER_ADDRESS,
    attribute::REALM,
    attribute::NONCE,
    attribute::REQUESTED_ADDRESS_FAMILY,
    attribute::EVEN_PORT,
    attribute::REQUESTED_TRANSPORT,
    attribute::DONT_FRAGMENT,
    attribute::MESSAGE_INTEGRITY_SHA256,
    attribute::PASSWORD_ALGORITHM,
    attribute::USERHASH,
    attribute::XOR_MAPPED_ADDRESS,
    attribute::RESERVATION_TOKEN,
    attribute::ADDITIONAL_ADDRESS_FAMILY,
    attribute::ADDRESS_ERROR_CODE,
    attribute::PASSWORD_ALGORITHMS,
    attribute::FINGERPRINT,
];
const OFFERED: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// A peer address.
pub(super) fn peer(script: &mut Script<'_>, ports: &Ports) -> SocketAddr {
    let v6 = |segments: [u16; 8]| IpAddr::from(Ipv6Addr::from(segments));
    let ip: IpAddr = match script.byte() % 32 {
        0..5 => return SocketAddr::from(([8, 8, 8, 8], 53)),
        5 => [8, 8, 4, 4].into(),
        6 => [192, 168, 1, script.byte()].into(),
        7 => [9, 9, 9, 9].into(),
        8 => v6([0x2600, 0, 0, 0, 0, 0, 0, 9]),
        9 => v6([0x2600, 0, 0, 0, 0, 0, 0, u16::from(script.byte())]),
        10 => v6([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1]),
        11 => v6([0x2002, 0x0a00, 1, 0, 0, 0, 0, 1]),
        12 => OTHER_OWN,
        13 => return SocketAddr::new(script.pick(&OWN), 50_000 + u16::from(script.byte()) % 48),
        14..20 => {
            // Often another client of the relay.
            let open: Vec<_> = ports.open.values().flat_map(|opened| [opened.public, opened.local]).collect();
            let none = SocketAddr::from(([10, 0, 0, 1], 80));
            return if open.is_empty() { none } else { script.pick(&open) };
        }
        20..22 => script.array::<16>().into(),
        22 => [127, 0, 0, 1].into(),
        23 => [169, 254, 169, 254].into(),
        24..26 => [8, 8, 9, script.byte()].into(),
        _ => script.array::<4>().into(),
    };
    SocketAddr::new(ip, script.word())
}

fn attribute(script: &mut Script<'_>, builder: &PacketBuilder<'_>, writer: &mut Writer<'_>) {
    let value = |script: &mut Script<'_>| {
        let length = usize::from(script.byte()) % 48;
        script.take(length).to_vec()
    };
    match script.byte() % 16 {
        0 | 1 => _ = writer.put_address(attribute::XOR_PEER_ADDRESS, peer(script, builder.ports)),
        2 => _ = writer.put(attribute::REQUESTED_TRANSPORT, &[script.pick(&[17, 6, 0]), 0, 0, 0]),
        3 => {
            let lifetime = script.pick(&[0, 0, 1, 299, 300, 600, 601, 3_599, 3_600, 3_601, u32::MAX]);
            writer.put_number(attribute::LIFETIME, lifetime);
        }
        4 => _ = writer.put(attribute::CHANNEL_NUMBER, &script.array::<4>()),
        5 => _ = writer.put(attribute::REQUESTED_ADDRESS_FAMILY, &[script.pick(&[1, 2, 2, 3]), 0, 0, 0]),
        6 => _ = writer.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[script.pick(&[2, 2, 1]), 0, 0, 0]),
        7 => _ = writer.put(attribute::EVEN_PORT, &[script.pick(&[0, 0x80])]),
        8 => _ = writer.put(attribute::RESERVATION_TOKEN, builder.token),
        9 => _ = writer.put(attribute::DATA, script.take(16)),
        10 => _ = writer.put(attribute::DONT_FRAGMENT, &[]),
        11 => _ = writer.put(attribute::PASSWORD_ALGORITHMS, &OFFERED),
        12 | 13 => {
            let kind = script.pick(&KNOWN);
            writer.put(kind, &value(script));
        }
        14 => {
            let kind = script.word();
            writer.put(kind, &value(script));
        }
        _ => _ = writer.put_fingerprint(),
    }
}

/// The mandatory attributes of a request.
fn usual(script: &mut Script<'_>, builder: &PacketBuilder<'_>, method: Method, writer: &mut Writer<'_>) {
    if method == Method::ALLOCATE {
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    }
    if method == Method::CHANNEL_BIND {
        writer.put_number(attribute::CHANNEL_NUMBER, channel(script) << 16);
    }
    if [Method::CHANNEL_BIND, Method::CREATE_PERMISSION].contains(&method) {
        writer.put_address(attribute::XOR_PEER_ADDRESS, peer(script, builder.ports));
    }
}

fn channel(script: &mut Script<'_>) -> u32 {
    match script.byte() {
        few @ 0..200 => 0x4000 + u32::from(few % 5),
        many => u32::from(many) << 8 | u32::from(script.byte()),
    }
}

/// Signs a request, with a fault that `mode` selects.
fn sign(script: &mut Script<'_>, builder: &PacketBuilder<'_>, mode: u8, writer: &mut Writer<'_>) {
    let fault = mode >> 4;
    if fault == 10 {
        return;
    }
    let now_s = builder.auth.now_unix_s();
    let expires_s = match fault {
        11 => now_s,
        12 => now_s + 1 + u64::from(script.byte()),
        _ => now_s - now_s % 100_000 + 200_000,
    };
    let secrets = builder.auth.secrets();
    let secret = secrets.get(usize::from(fault == 13)).map_or(&b"west"[..], |secret| secret);
    let minted = mint(secret, USERS[usize::from(mode & 3).saturating_sub(1)], expires_s);
    let nonce = match fault {
        14 if script.byte() & 1 == 1 => builder.stolen,
        14 => script.take(32),
        _ => &builder.memory.nonce,
    };
    writer.put(attribute::USERNAME, minted.username.as_bytes());
    writer.put(attribute::REALM, b"hearth").put(attribute::NONCE, nonce);
    let (algorithm, integrity) = match mode >> 2 & 3 {
        0 | 1 => (Algorithm::Md5, Integrity::Sha1),
        2 => (Algorithm::Sha256, Integrity::Sha256),
        _ => (Algorithm::Sha256, Integrity::Sha1),
    };
    if mode >> 2 & 3 != 0 {
        let chosen = [0, if algorithm == Algorithm::Md5 { 1 } else { 2 }, 0, 0];
        writer.put(attribute::PASSWORD_ALGORITHMS, &OFFERED).put(attribute::PASSWORD_ALGORITHM, &chosen);
    }
    let password = if fault == 15 { "wrong" } else { &minted.password };
    writer.put_integrity(integrity, &Key::long_term(algorithm, &minted.username, "hearth", password));
}

/// A request, valid or not.
pub(super) fn request(script: &mut Script<'_>, builder: &PacketBuilder<'_>) -> Vec<u8> {
    let (method, mode, shape) = (script.byte(), script.byte(), script.byte());
    let method = match usize::from(method) {
        known @ 0..240 => METHODS[known % METHODS.len()],
        _ => Method(script.word()),
    };
    let class = if shape >> 4 == 15 { Class::Indication } else { Class::Request };
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, method, class, [script.byte(); 12]);
    if shape & 1 == 0 {
        usual(script, builder, method, &mut writer);
    }
    let extras = [0, 0, 0, 1, 2, 3, 4, 20][usize::from(shape >> 1 & 7)];
    for _ in 0..extras {
        attribute(script, builder, &mut writer);
    }
    if method != Method::BINDING || mode & 1 == 1 {
        sign(script, builder, mode, &mut writer);
    }
    match shape >> 4 {
        0..4 => {}
        4..8 => _ = writer.put_fingerprint(),
        8..10 => attribute(script, builder, &mut writer),
        10..12 => mangle(script, &mut out),
        _ => {}
    }
    out
}

/// Damages a packet: changes bytes, truncates or extends it.
pub(super) fn mangle(script: &mut Script<'_>, packet: &mut Vec<u8>) {
    for _ in 0..1 + script.byte() % 3 {
        let (at, value) = (usize::from(script.word()), script.byte());
        if let Some(byte) = packet.len().checked_sub(1).map(|last| &mut packet[at.min(last)]) {
            *byte = value;
        }
    }
    match script.byte() % 8 {
        0 => packet.truncate(usize::from(script.word()).min(packet.len())),
        1 => packet.extend_from_slice(script.take(4)),
        _ => {}
    }
}

/// A Send indication, valid or not.
pub(super) fn send(script: &mut Script<'_>, builder: &PacketBuilder<'_>) -> Vec<u8> {
    let shape = script.byte();
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Method::SEND, Class::Indication, [shape; 12]);
    if shape & 1 == 1 {
        attribute(script, builder, &mut writer);
    }
    writer.put_address(attribute::XOR_PEER_ADDRESS, peer(script, builder.ports));
    let length = script.length();
    writer.put(attribute::DATA, &vec![shape; length]);
    if shape & 2 == 2 {
        attribute(script, builder, &mut writer);
    }
    if shape & 4 == 4 {
        writer.put_fingerprint();
    }
    if shape >> 5 == 7 {
        mangle(script, &mut out);
    }
    out
}

/// ChannelData, sometimes with a wrong length.
pub(super) fn channel_data(script: &mut Script<'_>) -> Vec<u8> {
    let (channel, length, lie) = (channel(script) as u16, script.length(), script.byte());
    let said = if lie < 224 { length as u16 } else { script.word() };
    [&channel_data::header(channel, said)[..], &vec![lie; length]].concat()
}

/// A valid STUN header followed by arbitrary bytes.
pub(super) fn headed(script: &mut Script<'_>) -> Vec<u8> {
    let (kind, length) = (script.word(), usize::from(script.byte()) & !3);
    let mut out = Vec::new();
    Writer::new(&mut out, Method(0), Class::Request, script.array());
    out[..2].copy_from_slice(&(kind & 0x3FFF).to_be_bytes());
    out.extend_from_slice(script.take(length));
    out.resize(out.len().next_multiple_of(4), 0);
    let length = (out.len() - crate::stun::HEADER_BYTES) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
    out
}
