//! The wire format: what is read, against webrtc-rs's codec and against what our own writer makes of it again; and that no
//! signature survives a change.

use super::script::Script;
use crate::limits::ATTRIBUTES_MAX;
use crate::stun::address::{ADDRESS_BYTES_MAX, read_xor, write_xor};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Class, HEADER_BYTES, Key, Malformed, Message, Method, Writer, attribute, channel_data};

/// What a packet was found to be, so that a test can tell that a collection of them is of every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No STUN message, for this reason.
    Not(Malformed),
    /// One without a signature of ours.
    Message,
    /// One signed by us.
    Signed,
}

const CREDENTIALS: [&str; 3] = ["1700000000:@alice:hearth", "hearth", "password"];
/// Attributes that mean something to the codec.
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
/// A FINGERPRINT with its header.
const FINGERPRINT_BYTES: usize = 8;
/// The shorter of the two codes.
const CODE_BYTES_MIN: usize = 20;
/// XOR-MAPPED-ADDRESS before it had its number; webrtc-rs's codec takes it for the new one.
const OLD_XOR_MAPPED_ADDRESS: u16 = 0x8020;

/// Makes a packet as the script says and looks at it from all sides.
///
/// # Panics
/// If something does not hold that has to.
pub fn message(bytes: &[u8]) -> Found {
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
            return Found::Not(why);
        }
    };
    assert!(they_read_it, "another implementation cannot read what we can");
    check_reading(&ours, &theirs);
    check_writing(&ours, changed);
    if check_signature(&ours, &mut theirs) { Found::Signed } else { Found::Message }
}

fn key(algorithm: Algorithm) -> Key {
    let [username, realm, password] = CREDENTIALS;
    Key::long_term(algorithm, username, realm, password)
}

/// A message written attribute by attribute; perhaps damaged.
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

/// Makes fingerprints right that were not last and became wrong with the length that is in the header.
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

/// Any bytes after a header that is sound.
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
        let header = channel_data::header(number, u16::try_from(payload.len()).expect("said in two bytes"));
        assert!(packet.starts_with(&header) && payload.start == 4 && payload.end <= packet.len());
    } else {
        assert!(packet.len() < 4 || packet.len() < 4 + usize::from(u16::from_be_bytes([packet[2], packet[3]])));
    }
}

/// We refuse what another implementation takes: there has to be a reason.
fn check_refusal(packet: &[u8], why: Malformed, theirs: &stun::message::Message) {
    let attributes = &theirs.attributes.0;
    let length = theirs.length as usize;
    match why {
        Malformed::NotStun => assert!(packet[0] & 0xC0 != 0, "it begins as another protocol does"),
        Malformed::Length => assert!(!length.is_multiple_of(4) || HEADER_BYTES + length != packet.len()),
        Malformed::Attribute => assert!(attributes.len() > ATTRIBUTES_MAX, "they have no limit"),
        Malformed::Fingerprint => {
            let before = attributes.iter().take(attributes.len() - 1);
            let early = before.clone().any(|found| found.typ.value() == attribute::FINGERPRINT);
            assert!(early || stun::fingerprint::FINGERPRINT.check(theirs).is_err(), "the fingerprint is right");
        }
    }
}

/// The same type, the same attributes, the same addresses in them.
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
        let other = rest.next().expect("they find it, too");
        let kind = if found.kind == OLD_XOR_MAPPED_ADDRESS { attribute::XOR_MAPPED_ADDRESS } else { found.kind };
        assert_eq!((kind, found.value), (other.typ.value(), &other.value[..]));
        check_address(ours, found.value);
    }
    let last = [attribute::MESSAGE_INTEGRITY, attribute::MESSAGE_INTEGRITY_SHA256, attribute::FINGERPRINT];
    assert!(
        rest.next().is_none_or(|next| last.contains(&next.typ.value())),
        "only what follows a signature is ignored"
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
        // They look at all eight bits of the hundreds, of which only three are the code's.
        assert!(read.is_ok() && (other.code.0 - code) % 800 == 0);
    }
}

/// An address is read as they read it, and written as it was.
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
    // They fill up what is too short, and refuse what begins with something else than the zero that it should.
    if value.first() == Some(&0) && [8, 20].contains(&value.len()) && (value[1] == 1) == (value.len() == 8) {
        let theirs = read.then(|| std::net::SocketAddr::new(other.ip, other.port));
        assert_eq!(ours, theirs);
    }
}

/// Written anew, it is the same; signed, it is signed; and changed in one place, it is not.
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
    let length = u16::try_from(writer.bytes() - HEADER_BYTES).expect("no longer than before");
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
        let message = Message::parse(&signed).expect("what we write, we can read");
        assert!(key.verifies(&message, integrity) && message.has_fingerprint());
        assert!(message.attributes().eq(ours.attributes()));
        let end = signed.len() - FINGERPRINT_BYTES;
        // Anywhere, and in the code itself.
        for at in [at % signed.len(), end - 1 - at % CODE_BYTES_MIN] {
            let mut changed = signed.clone();
            changed[at] ^= change.max(1);
            if at < end {
                // Whoever changes a message can do that, too.
                right_fingerprints(&mut changed);
            }
            // A fingerprint is not signed: changed, it is wrong, or something else that nobody looks at.
            let survives =
                |found: Message<'_>| key.verifies(&found, integrity) && (at < end || found.has_fingerprint());
            assert!(!Message::parse(&changed).is_ok_and(survives), "a change at {at} goes unnoticed");
        }
    }
}

/// Whether we and they find it signed.
fn check_signature(ours: &Message<'_>, theirs: &mut stun::message::Message) -> bool {
    let signed = key(Algorithm::Md5).verifies(ours, Integrity::Sha1);
    let [username, realm, password] = CREDENTIALS.map(str::to_owned);
    let other = stun::integrity::MessageIntegrity::new_long_term_integrity(username, realm, password);
    assert_eq!(signed, other.check(theirs).is_ok(), "they find it signed, or not, as we do");
    signed || key(Algorithm::Sha256).verifies(ours, Integrity::Sha256)
}
