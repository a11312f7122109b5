//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::tui::tests::fixtures::{DAY_MS, HOUR_MS, NOW_MS};
use crate::wire::{Device, UserDetail, UserRoom, UserSummary};

pub(super) fn answer(request: &str) -> Option<Value> {
    if request.starts_with("GET /api/v1/users?") {
        return Some(json!({ "items": users() }));
    }
    request.starts_with("GET /api/v1/users/").then(|| json!(user_detail()))
}

pub(crate) fn user(name: &str) -> UserSummary {
    UserSummary {
        user_id: format!("@{name}:home.example"),
        display_name: None,
        admin: false,
        deactivated: false,
        locked: false,
        created_ms: NOW_MS - 100 * DAY_MS,
        last_seen_ms: None,
        devices: 0,
        joined_rooms: 0,
        media_bytes: 0,
    }
}

pub(crate) fn users() -> Vec<UserSummary> {
    vec![
        UserSummary {
            display_name: Some("Alice".into()),
            admin: true,
            last_seen_ms: Some(NOW_MS - 5_000),
            devices: 3,
            joined_rooms: 12,
            media_bytes: 1_200_000_000,
            ..user("alice")
        },
        UserSummary {
            display_name: Some("Bobby \u{1b}[31mTables\u{202e}".into()),
            last_seen_ms: Some(NOW_MS - 3 * HOUR_MS),
            devices: 2,
            joined_rooms: 4,
            media_bytes: 45_000_000,
            ..user("bob")
        },
        UserSummary {
            display_name: Some("日本語の名前はとても長いですね".into()),
            locked: true,
            last_seen_ms: Some(NOW_MS - 40 * DAY_MS),
            devices: 7,
            ..user("carol")
        },
        UserSummary { deactivated: true, ..user("dave") },
        UserSummary { display_name: Some("Eve".into()), joined_rooms: 1, ..user("eve") },
    ]
}

pub(crate) fn user_detail() -> UserDetail {
    let device = |id: &str, name: Option<&str>, seen: Option<u64>| Device {
        device_id: id.into(),
        display_name: name.map(Into::into),
        last_seen_ms: seen,
        last_seen_ip: seen.map(|_| "192.0.2.7".into()),
    };
    let [alice, ..] = &users()[..] else { unreachable!("the list is not empty") };
    UserDetail {
        summary: alice.clone(),
        device_list: vec![
            device("ABCDEFGH", Some("Element on Alice's phone"), Some(NOW_MS - 5_000)),
            device("QRSTUV", None, None),
            device("XYZ", Some("laptop\u{9b}2J"), Some(NOW_MS - 2 * DAY_MS)),
        ],
        rooms: vec![
            UserRoom { room_id: "!abc:home.example".into(), name: Some("Family 🏠".into()) },
            UserRoom { room_id: "!def:other.example".into(), name: None },
        ],
        quotas: Vec::new(),
    }
}
