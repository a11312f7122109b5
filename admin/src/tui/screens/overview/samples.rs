//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::tui::tests::fixtures::NOW_MS;
use crate::wire::{FederationFigures, HealthLevel, Listener, Problem, RelayFigures, Status, areas};

pub(super) fn answer(request: &str) -> Option<Value> {
    match request {
        "GET /api/v1/status" => Some(json!(status())),
        "GET /api/v1/jobs" => Some(json!({ "items": [] })),
        _ => None,
    }
}

pub(crate) fn status() -> Status {
    let problem =
        |level, what: &str, remedy: &str| Problem { level, what: what.into(), remedy: remedy.into(), area: None };
    let listener = |address: &str, tls, resources: &[&str]| Listener {
        address: address.into(),
        tls,
        resources: resources.iter().map(|&name| name.into()).collect(),
    };
    Status {
        version: "0.1.0".into(),
        server_name: "home.example".into(),
        uptime_s: 270_000,
        now_ms: NOW_MS,
        users: 5,
        rooms: 3,
        events: 1_234_567,
        media_bytes: 3_210_000_000,
        database_bytes: 845_000_000,
        wal_bytes: 4_100_000,
        memory_resident_bytes: 74_500_000,
        disk_free_bytes: 3_900_000_000,
        disk_total_bytes: 31_900_000_000,
        store_engine: "sqlite".into(),
        writer_queue: 2,
        commits: 98_765,
        position: 2_345_678,
        listeners: vec![
            listener("0.0.0.0:443", true, &["client", "federation", "media"]),
            listener("/run/hearth/admin.sock", false, &["admin"]),
        ],
        relay: Some(RelayFigures { allocations: 3, users: 2 }),
        federation: FederationFigures { away: 2, queued_events: 1_234 },
        problems: vec![
            problem(HealthLevel::Fail, "No backup has ever been made.", "Run `hearth backup` and put it elsewhere."),
            problem(HealthLevel::Warn, "The disk is 87 % full.", "Delete old remote media or use a larger card."),
            Problem {
                area: Some(areas::RELAY.into()),
                ..problem(HealthLevel::Warn, "The relay has no public IPv4 address.", "Set one.")
            },
            problem(HealthLevel::Ok, "The certificate is good for 60 days.", ""),
        ],
    }
}
