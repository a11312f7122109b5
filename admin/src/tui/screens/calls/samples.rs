//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::tui::tests::fixtures::NOW_MS;
use crate::wire::{RelayAllocation, RelayCheck, RelayRefusals, RelayStatus, RelayUser};

pub(super) fn answer(request: &str) -> Option<Value> {
    match request {
        "GET /api/v1/relay" => Some(json!(relay())),
        "POST /api/v1/relay/test" => Some(json!({ "items": checks() })),
        _ => None,
    }
}

pub(crate) fn relay() -> RelayStatus {
    let held = |id: &str, name: &str, transport: &str, client: &str, peers: &[&str]| RelayAllocation {
        id: id.into(),
        user_id: format!("@{name}:home.example"),
        client: client.into(),
        transport: transport.into(),
        relayed: vec!["198.51.100.7:50001".into()],
        peers: peers.iter().map(|&peer| peer.into()).collect(),
        age_s: 754,
        packets_out: 37_700,
        bytes_out: 6_400_000,
        packets_in: 37_512,
        bytes_in: 6_350_000,
    };
    let user = |name: &str, allocations, ended, relayed_bytes| RelayUser {
        user_id: format!("@{name}:home.example"),
        allocations,
        ended,
        relayed_bytes,
    };
    let uri = |kind: &str, place: &str| format!("{kind}:home.example:{place}");
    RelayStatus {
        now_ms: NOW_MS,
        running: true,
        absence: None,
        uris: vec![
            uri("turn", "3478?transport=udp"),
            uri("turn", "3478?transport=tcp"),
            uri("turns", "5349?transport=tcp"),
        ],
        public: vec!["198.51.100.7".into(), "2001:db8::7".into()],
        warnings: Vec::new(),
        users: vec![user("alice", 1, 12, 45_000_000), user("bob", 2, 3, 1_200_000_000), user("eve", 0, 1, 0)],
        allocations: vec![
            held("7001", "bob", "udp", "203.0.113.44:50412", &["198.51.100.9", "2001:db8:0:1::2"]),
            RelayAllocation {
                bytes_out: 0,
                packets_out: 0,
                bytes_in: 0,
                packets_in: 0,
                age_s: 8,
                ..held("7002", "bob", "tcp", "[2001:db8:1234:5678:9abc:def0:1234:5678]:50413", &[])
            },
            held("7003", "alice", "tls", "192.0.2.7:61000", &["198.51.100.9"]),
        ],
        refused: vec![
            RelayRefusals { reason: "credentials".into(), count: 1_234 },
            RelayRefusals { reason: "peer".into(), count: 8 },
            RelayRefusals { reason: "something_new".into(), count: 1 },
        ],
    }
}

pub(crate) fn relay_later() -> RelayStatus {
    let mut later = relay();
    later.now_ms += 5_000;
    later.allocations[0].bytes_out += 40_000;
    later.allocations[0].bytes_in += 42_500;
    later.allocations.iter_mut().for_each(|one| one.age_s += 5);
    later.users[1].relayed_bytes += 82_500;
    later
}

pub(crate) fn checks() -> Vec<RelayCheck> {
    let [udp, tcp, tls] = &relay().uris[..] else { unreachable!("three URIs") };
    let works = |uri: &str, ms, lost| RelayCheck {
        uri: uri.into(),
        works: true,
        message: "Relayed by 198.51.100.7:3478 between 198.51.100.7:50010 and 198.51.100.7:50011.".into(),
        round_trip_ms: Some(ms),
        lost: Some(lost),
    };
    vec![
        works(udp, 1.23, 0.02),
        works(tcp, 2.5, 0.0),
        RelayCheck {
            uri: tls.clone(),
            works: false,
            message: "No answer within 1.2 s. The relay works on this machine. Open port 5349 for TCP in the firewall, \
                      forward it in the router, and see that the certificate is one that browsers accept for home.example."
                .into(),
            round_trip_ms: None,
            lost: None,
        },
    ]
}
