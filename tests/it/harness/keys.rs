//! Keys and signatures as a client makes them: real ones, since the server verifies them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ruma::CanonicalJsonObject;
use ruma::signatures::{Ed25519KeyPair, sign_json};
use serde_json::{Value, json};

use super::Person;

/// A key pair derived from a seed byte.
pub(crate) fn key_pair(version: &str, seed: u8) -> Ed25519KeyPair {
    let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend([seed; 32]);
    Ed25519KeyPair::from_der(&der, version.to_owned()).expect("an Ed25519 key in PKCS #8")
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

pub(crate) fn public(pair: &Ed25519KeyPair) -> String {
    base64(&pair.public_key())
}

/// `object` with a signature of `user` by `pair`.
pub(crate) fn signed(object: Value, user: &str, pair: &Ed25519KeyPair) -> Value {
    let mut object: CanonicalJsonObject = serde_json::from_value(object).expect("plain values");
    sign_json(user, pair, &mut object).expect("an object can be signed");
    serde_json::to_value(object).expect("canonical JSON is JSON")
}

/// A device's identity keys, derived from `seed`.
pub(crate) fn device_keys(person: &Person, seed: u8) -> (Value, Ed25519KeyPair) {
    let pair = key_pair(&person.device, seed);
    let keys = json!({
        "user_id": person.id, "device_id": person.device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": { format!("curve25519:{}", person.device): public(&pair), format!("ed25519:{}", person.device): public(&pair) },
    });
    (signed(keys, &person.id, &pair), pair)
}
