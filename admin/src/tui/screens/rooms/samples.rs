//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::wire::{RoomDetail, RoomMember, RoomSummary};

pub(super) fn answer(request: &str) -> Option<Value> {
    if request.starts_with("GET /api/v1/rooms?") {
        return Some(json!({ "items": rooms() }));
    }
    request.starts_with("GET /api/v1/rooms/").then(|| json!(room_detail()))
}

pub(crate) fn rooms() -> Vec<RoomSummary> {
    let room = |id: &str, name: Option<&str>, joined: u64, local: u64, events: u64| RoomSummary {
        room_id: id.into(),
        name: name.map(Into::into),
        canonical_alias: None,
        version: "12".into(),
        joined_members: joined,
        local_members: local,
        events,
        encrypted: joined < 100,
        public: joined > 100,
        creator: Some("@alice:home.example".into()),
    };
    vec![
        room("!abc:home.example", Some("Family 🏠"), 5, 5, 12_345),
        RoomSummary {
            canonical_alias: Some("#matrix:other.example".into()),
            ..room("!def:other.example", None, 10_234, 1, 1_200_000)
        },
        room("!ghi:hostile.example", Some("\u{1b}]0;owned\u{7}z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}"), 2, 1, 17),
    ]
}

pub(crate) fn room_detail() -> RoomDetail {
    let member = |id: &str, name: Option<&str>, power_level| RoomMember {
        user_id: id.into(),
        display_name: name.map(Into::into),
        power_level,
    };
    let [family, ..] = &rooms()[..] else { unreachable!("the list is not empty") };
    RoomDetail {
        summary: family.clone(),
        topic: Some("Who cooks, who shops,\nand who forgot to do either of it this week again".into()),
        join_rule: "invite".into(),
        members: vec![
            member("@alice:home.example", Some("Alice"), i64::MAX),
            member("@bob:home.example", Some("Bob\u{202e}"), 50),
            member("@carol:home.example", None, 0),
        ],
    }
}
