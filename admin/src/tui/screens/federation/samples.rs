//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::tui::tests::fixtures::{DAY_MS, HOUR_MS, NOW_MS};
use crate::wire::{Destination, paths};

pub(super) fn answer(request: &str) -> Option<Value> {
    if request.starts_with("GET /api/v1/federation/destinations?") {
        return Some(json!({ "items": servers() }));
    }
    let is_it = |server: &&Destination| request == format!("GET {}", paths::destination(&server.server_name));
    let servers = servers();
    let server = servers.iter().find(is_it).or(servers.first());
    server.filter(|_| request.starts_with("GET /api/v1/federation/destinations/")).map(|server| json!(server))
}

pub(crate) fn servers() -> Vec<Destination> {
    let reached = |name: &str, queued_events, ago_ms| Destination {
        server_name: name.into(),
        reachable: true,
        last_success_ms: Some(NOW_MS - ago_ms),
        queued_events,
        ..Destination::default()
    };
    let away = |name: &str, since_ms, failures, in_ms, reason: &str| Destination {
        server_name: name.into(),
        last_success_ms: Some(NOW_MS - since_ms - 60_000),
        failing_since_ms: Some(NOW_MS - since_ms),
        failures,
        retry_at_ms: Some(NOW_MS + in_ms),
        reason: Some(reason.into()),
        queued_events: 617,
        queued_edus: 12,
        ..Destination::default()
    };
    vec![
        away("dead.example", 40 * DAY_MS, 97, DAY_MS / 2, "dead.example does not resolve"),
        reached("matrix.other.example", 0, 4_000),
        Destination { sending: true, ..reached("quick.example", 3, 90_000) },
        away("slow.a-very-long-name.example:8448", 2 * HOUR_MS, 8, 250_000, "no answer within 30 s \u{1b}[31m\u{202e}"),
    ]
}
