//! Fuzz target for the wire format. Compares parsing with webrtc-rs's codec and with this crate's writer, and
//! checks that no signature survives a change.

use super::script::Script;
use crate::limits::ATTRIBUTES_MAX;
use crate::stun::address::{ADDRESS_BYTES_MAX, read_xor, write_xor};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Class, HEADER_BYTES, Key, Malformed, Message, Method, Writer, attribute, channel_data};

/// What the packet turned out to be. A test uses it to check that the corpus covers every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Not a STUN message, for this reason.
    Not(Malformed),
    /// A message without a valid signature.
    Message,
    /// A message signed with the test credentials.
    Signed,
}

const CREDENTIALS: [&str; 3] = ["1700000000:@alice:hearth", "hearth", "password"];
/// Attributes with a meaning for the codec.
const KINDS: [u16; 8] = [
    attribute::USERNAME,
    attribute::XOR_PEER_ADDRESS,
    attribute::XOR_MAPPED_ADDRESS,
    attribute::LIFETIME,
    attribute::ERROR_CODE,
    attribute::MESSAGE_INTEGRITY,
    attribute::MESSAGE_INTEGRITY_SHA256,
    attribute::FINGERPRINT,
];
/// Bytes of a FINGERPRINT with its header.
const FINGERPRINT_BYTES: usize = 8;
/// Bytes of the shorter HMAC.
const HMAC_BYTES_MIN: usize = 20;
/// XOR-MAPPED-ADDRESS in drafts before its final number. webrtc-rs's codec treats it like the final one.
const OLD_XOR_MAPPED_ADDRESS: u16 = 0x8020;

/// Builds a packet from the script and checks it.
///
/// # Panics
/// If a check fails.
pub fn message(bytes: &[u8]) -> MessageKind {
    let mut script = Script::new(bytes);
    let changed = (usize::from(script.word()), script.byte());
    let packet = match script.byte() % 4 {
        0 => script.take(usize::MAX).to_vec(),
        1 => composed(&mut script, false),
        2 => composed(&mut script, true),
        _ => headed(&mut script),
    };
    check_channel_data(&packet);
    let mut theirs = stun::message::Message { raw: packet.clone(), ..Default::default() };
    let they_read_it = theirs.decode().is_ok();
    let ours = match Message::parse(&packet) {
        Ok(ours) => ours,
        Err(why) => {
            if they_read_it {
                check_refusal(&packet, why, &theirs);
            }
            return MessageKind::Not(why);
        }
    };
    assert!(they_read_it, "webrtc-rs cannot read a valid message");
    check_reading(&ours, &theirs);
    check_writing(&ours, changed);
    if check_signature(&ours, &mut theirs) { MessageKind::Signed } else { MessageKind::Message }
}

fn key(algorithm: Algorithm) -> Key {
    let [username, realm, password] = CREDENTIALS;
    Key::long_term(algorithm, username, realm, password)
}

/// A message written attribute by attribute, optionally damaged.
fn composed(script: &mut Script<'_>, damaged: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let class = script.pick(&[Class::Request, Class::Indication, Class::Success, Class::Error]);
    let mut writer = Writer::new(&mut out, Method(script.word()), class, script.array());
    for _ in 0..script.byte() % 80 {
        match script.byte() % 8 {
            0 => _ = writer.put_integrity(Integrity::Sha1, &key(Algorithm::Md5)),
            1 => _ = writer.put_integrity(Integrity::Sha256, &key(Algorithm::Sha256)),
            2 => _ = writer.put_fingerprint(),
            3 => {
                let length = usize::from(script.byte());
                writer.put(script.word(), script.take(length));
            }
            4 => {
                let code = 300 + script.word() % 400;
                writer.put_error(code, "why");
            }
            _ => {
                let (kind, length) = (script.pick(&KINDS), usize::from(script.byte()) % 40);
                writer.put(kind, script.take(length));
            }
        }
    }
    if script.byte() & 1 == 1 {
        right_fingerprints(&mut out);
    }
    if damaged {
        let (at, value) = (usize::from(script.word()) % out.len(), script.byte());
        out[at] = value;
        if script.byte().is_multiple_of(4) {
            out.truncate(usize::from(script.word()) % (out.len() + 1));
        }
    }
    out
}

/// Corrects the checksum of FINGERPRINT attributes that are not last: later attributes change the length in the
/// header, which the checksum covers.
fn right_fingerprints(out: &mut [u8]) {
    let mut at = HEADER_BYTES;
    while at + FINGERPRINT_BYTES <= out.len() {
        let [kind, length] = [at, at + 2].map(|at| u16::from_be_bytes([out[at], out[at + 1]]));
        if (kind, length) == (attribute::FINGERPRINT, 4) {
            let sum = stun::fingerprint::fingerprint_value(&out[..at]);
            out[at + 4..at + FINGERPRINT_BYTES].copy_from_slice(&sum.to_be_bytes());
        }
        at += 4 + usize::from(length).next_multiple_of(4);
    }
}

/// A valid header followed by arbitrary bytes.
fn headed(script: &mut Script<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out, Method(script.word()), Class::Request, script.array());
    out.extend_from_slice(script.take(512));
    out.truncate(out.len() & !3);
    let length = (out.len() - HEADER_BYTES) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
    out
}

fn check_channel_data(packet: &[u8]) {
    if let Some((number, payload)) = channel_data::read(packet) {
        let header = channel_data::header(number, u16::try_from(payload.len()).expect("the length has two bytes"));
        assert!(packet.starts_with(&header) && payload.start == 4 && payload.end <= packet.len());
    } else {
        assert!(packet.len() < 4 || packet.len() < 4 + usize::from(u16::from_be_bytes([packet[2], packet[3]])));
    }
}

/// The parser refuses a packet that webrtc-rs accepts: checks that the reason is true.
fn check_refusal(packet: &[u8], why: Malformed, theirs: &stun::message::Message) {
    let attributes = &theirs.attributes.0;
    let length = theirs.length as usize;
    match why {
        Malformed::NotStun => assert!(packet[0] & 0xC0 != 0, "the first byte belongs to another protocol"),
        Malformed::Length => assert!(!length.is_multiple_of(4) || HEADER_BYTES + length != packet.len()),
        Malformed::Attribute => assert!(attributes.len() > ATTRIBUTES_MAX, "webrtc-rs has no limit"),
        Malformed::Fingerprint => {
            let before = attributes.iter().take(attributes.len() - 1);
            let early = before.clone().any(|found| found.typ.value() == attribute::FINGERPRINT);
            assert!(early || stun::fingerprint::FINGERPRINT.check(theirs).is_err(), "the fingerprint is right");
        }
    }
}

/// Both codecs must find the same type, attributes and addresses.
fn check_reading(ours: &Message<'_>, theirs: &stun::message::Message) {
    let class = match ours.class() {
        Class::Request => stun::message::CLASS_REQUEST,
        Class::Indication => stun::message::CLASS_INDICATION,
        Class::Success => stun::message::CLASS_SUCCESS_RESPONSE,
        Class::Error => stun::message::CLASS_ERROR_RESPONSE,
    };
    assert_eq!(theirs.typ.class, class);
    assert_eq!(theirs.typ.value(), u16::from_be_bytes([ours.bytes()[0], ours.bytes()[1]]));
    assert_eq!(theirs.transaction_id.0, ours.transaction());
    let mut rest = theirs.attributes.0.iter();
    for found in ours.attributes() {
        let other = rest.next().expect("webrtc-rs finds the attribute too");
        let kind = if found.kind == OLD_XOR_MAPPED_ADDRESS { attribute::XOR_MAPPED_ADDRESS } else { found.kind };
        assert_eq!((kind, found.value), (other.typ.value(), &other.value[..]));
        check_address(ours, found.value);
    }
    let last = [attribute::MESSAGE_INTEGRITY, attribute::MESSAGE_INTEGRITY_SHA256, attribute::FINGERPRINT];
    assert!(
        rest.next().is_none_or(|next| last.contains(&next.typ.value())),
        "only attributes after the integrity are ignored"
    );
    for kind in last {
        let other = theirs.attributes.0.iter().find(|found| found.typ.value() == kind);
        let found = ours.integrity(kind);
        assert_eq!(found.map(|found| found.value), other.map(|other| &other.value[..]));
    }
    assert_eq!(ours.has_fingerprint(), stun::fingerprint::FINGERPRINT.check(theirs).is_ok());
    if let Some(code) = ours.error_code() {
        let mut other = stun::error_code::ErrorCodeAttribute::default();
        let read = stun::message::Getter::get_from(&mut other, theirs);
        // webrtc-rs reads eight bits for the hundreds, of which only three belong to the code.
        assert!(read.is_ok() && (other.code.0 - code) % 800 == 0);
    }
}

/// Both codecs must read the same address, and writing it must give the same bytes.
fn check_address(message: &Message<'_>, value: &[u8]) {
    let ours = read_xor(value, &message.transaction());
    if let Some(address) = ours {
        let mut again = [0; ADDRESS_BYTES_MAX];
        let length = write_xor(address, &message.transaction(), &mut again);
        assert_eq!(&again[1..length], &value[1..], "written as read");
    }
    let mut theirs = stun::message::Message::new();
    theirs.transaction_id.0 = message.transaction();
    theirs.write_header();
    theirs.add(stun::attributes::ATTR_XORMAPPED_ADDRESS, value);
    let mut other = stun::xoraddr::XorMappedAddress::default();
    let read = stun::message::Getter::get_from(&mut other, &theirs).is_ok();
    // webrtc-rs pads short values and refuses a nonzero first byte, which the RFC says to ignore.
    if value.first() == Some(&0) && [8, 20].contains(&value.len()) && (value[1] == 1) == (value.len() == 8) {
        let theirs = read.then(|| std::net::SocketAddr::new(other.ip, other.port));
        assert_eq!(ours, theirs);
    }
}

/// Rewriting a message gives the same bytes; signing it gives a valid signature; any change to it breaks the
/// signature.
fn check_writing(ours: &Message<'_>, (at, change): (usize, u8)) {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, ours.method(), ours.class(), ours.transaction());
    let mut same = ours.bytes()[..HEADER_BYTES].to_vec();
    let mut count = 0;
    for found in ours.attributes() {
        writer.put(found.kind, found.value);
        same.extend_from_slice(&ours.bytes()[found.at..found.at + 4 + found.value.len()]);
        same.resize(same.len().next_multiple_of(4), 0);
        count += 1;
    }
    let length = u16::try_from(writer.bytes() - HEADER_BYTES).expect("not longer than the original");
    same[2..4].copy_from_slice(&length.to_be_bytes());
    assert_eq!(out, same, "written as read, with zeros as padding");
    if count + 2 > ATTRIBUTES_MAX {
        return;
    }
    for (integrity, algorithm) in [(Integrity::Sha1, Algorithm::Md5), (Integrity::Sha256, Algorithm::Sha256)] {
        let key = key(algorithm);
        let mut signed = Vec::new();
        let mut writer = Writer::new(&mut signed, ours.method(), ours.class(), ours.transaction());
        ours.attributes().for_each(|found| _ = writer.put(found.kind, found.value));
        writer.put_integrity(integrity, &key).put_fingerprint();
        let message = Message::parse(&signed).expect("a written message parses");
        assert!(key.verifies(&message, integrity) && message.has_fingerprint());
        assert!(message.attributes().eq(ours.attributes()));
        let end = signed.len() - FINGERPRINT_BYTES;
        // Change any byte, and one of the HMAC itself.
        for at in [at % signed.len(), end - 1 - at % HMAC_BYTES_MIN] {
            let mut changed = signed.clone();
            changed[at] ^= change.max(1);
            if at < end {
                // An attacker would correct the checksum too.
                right_fingerprints(&mut changed);
            }
            // FINGERPRINT is not signed: a changed one is either wrong, or has become another attribute that is
            // ignored.
            let survives =
                |found: Message<'_>| key.verifies(&found, integrity) && (at < end || found.has_fingerprint());
            assert!(!Message::parse(&changed).is_ok_and(survives), "a change at {at} keeps the signature valid");
        }
    }
}

/// Whether the message is signed. Both implementations must agree.
fn check_signature(ours: &Message<'_>, theirs: &mut stun::message::Message) -> bool {
    let signed = key(Algorithm::Md5).verifies(ours, Integrity::Sha1);
    let [username, realm, password] = CREDENTIALS.map(str::to_owned);
    let other = stun::integrity::MessageIntegrity::new_long_term_integrity(username, realm, password);
    assert_eq!(signed, other.check(theirs).is_ok(), "both implementations agree on the signature");
    signed || key(Algorithm::Sha256).verifies(ours, Integrity::Sha256)
}
