//! Replays the fuzzer's corpus with `cargo test`. Also checks that it still covers every outcome;
//! `turn/fuzz/README.md` describes how to regenerate it.

use std::collections::BTreeSet;
use std::path::Path;

use super::message::MessageKind;
use super::{message, packets, stream};

/// All scripts of a fuzz target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn packets_hold() {
    let scripts = corpus("packets");
    assert!(scripts.len() >= 300, "only {} scripts", scripts.len());
    let mut codes = BTreeSet::new();
    let (mut to_peers, mut to_clients, mut between, mut unreachable) = (0, 0, 0, 0);
    for script in &scripts {
        let reached = packets::packets(script);
        codes.extend(reached.codes);
        to_peers += reached.to_peers;
        to_clients += reached.to_clients;
        between += reached.between_clients;
        unreachable += reached.unreachable;
    }
    let all = [0, 400, 401, 403, 420, 437, 438, 440, 441, 442, 443, 486, 508];
    assert!(codes.iter().eq(&all), "{codes:?}");
    assert!(to_peers > 1_000 && to_clients > 1_000, "{to_peers} to peers, {to_clients} to clients");
    assert!(between > 100 && unreachable > 10, "{between} between clients, {unreachable} unreachable");
}

#[test]
fn messages_hold() {
    let scripts = corpus("message");
    assert!(scripts.len() >= 100, "only {} scripts", scripts.len());
    let found: Vec<_> = scripts.iter().map(|script| message::message(script)).collect();
    use crate::stun::Malformed::{Attribute, Fingerprint, Length, NotStun};
    let kinds = [NotStun, Length, Attribute, Fingerprint].map(MessageKind::Not);
    assert!(kinds.iter().chain(&[MessageKind::Message, MessageKind::Signed]).all(|kind| found.contains(kind)));
}

#[test]
fn streams_hold() {
    let scripts = corpus("stream");
    assert!(scripts.len() >= 100, "only {} scripts", scripts.len());
    let reached: Vec<_> = scripts.iter().map(|script| stream::stream(script)).collect();
    let with = |what: fn(&stream::StreamCoverage) -> bool| reached.iter().filter(|one| what(one)).count();
    assert!(with(|one| one.packets > 10) > 0 && with(|one| one.tls && one.packets > 10) > 0);
    assert!(with(|one| one.full) > 0 && with(|one| one.tls && one.full) > 0);
    assert!(with(|one| one.invalid_frame) > 0 && with(|one| one.tls && one.invalid_frame) > 0);
    assert!(with(|one| one.frames > 10) > 0);
}
