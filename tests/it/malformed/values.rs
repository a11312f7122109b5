//! Malformed values for each part of a request.

use crate::harness::{Value, json};

/// State event types that the server itself interprets.
pub(super) const STATE_TYPES: &[&str] = &[
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
    "m.room.canonical_alias",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.guest_access",
    "m.room.power_levels",
    "m.room.encryption",
    "m.room.server_acl",
    "m.room.third_party_invite",
    "m.room.pinned_events",
    "m.room.tombstone",
    "m.room.create",
    "m.room.member",
    "m.room.redaction",
    "m.space.child",
    "m.reaction",
    "m.room.message",
];

/// A body that an endpoint accepts, or nearly so.
pub(super) fn good_body(path: &str, user: &str) -> Value {
    match path.rsplit('/').next().unwrap_or_default() {
        "invite" | "kick" | "ban" | "unban" => json!({ "user_id": user }),
        "login" => {
            json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": "x" })
        }
        "register" => json!({ "username": "nobody", "password": "long enough", "auth": { "type": "m.login.dummy" } }),
        "set" => json!({
            "pushkey": "k", "kind": "http", "app_id": "a", "app_display_name": "A", "device_display_name": "D", "lang": "en",
            "data": { "url": "https://push.example.org/_matrix/push/v1/notify" },
        }),
        "version" => {
            json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": { "public_key": "abc" } })
        }
        "{sessionId}" => {
            json!({ "first_message_index": 0, "forwarded_count": 0, "is_verified": false, "session_data": {} })
        }
        "search" => json!({ "search_term": "x", "search_categories": { "room_events": { "search_term": "x" } } }),
        "upgrade" => json!({ "new_version": "11" }),
        "query" => json!({ "device_keys": { user: [] } }),
        "claim" => json!({ "one_time_keys": { user: { "D": "signed_curve25519" } } }),
        "status" => json!({ "presence": "online" }),
        "{ruleId}" => json!({ "pattern": "x", "actions": ["notify"] }),
        "enabled" => json!({ "enabled": true }),
        "actions" => json!({ "actions": ["notify"] }),
        "refresh" => json!({ "refresh_token": "x" }),
        "delete_devices" => json!({ "devices": [] }),
        "deactivate" | "password" => json!({ "new_password": "long enough" }),
        _ => json!({}),
    }
}

/// Raw bodies: description, content type, bytes.
pub(super) fn raw_bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    const JSON: &str = "application/json";
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("null", JSON, text("null")),
        ("a list", JSON, text("[]")),
        ("a string", JSON, text("\"x\"")),
        ("a number", JSON, text("1e400")),
        ("an empty body", JSON, Vec::new()),
        ("an open object", JSON, text("{\"user_id\":")),
        ("a hundred thousand brackets", JSON, "[".repeat(100_000).into_bytes()),
        ("a deep object", JSON, format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)).into_bytes()),
        ("not UTF-8", JSON, b"{\"user_id\":\"\xff\xfe\",\"reason\":\"\xc3\x28\"}".to_vec()),
        ("half a surrogate pair", JSON, text("{\"reason\":\"\\ud800\"}")),
        ("a NUL", JSON, text("{\"reason\":\"a\\u0000b\",\"user_id\":\"@a\\u0000:b\"}")),
        ("a NUL in a key", JSON, text("{\"a\\u0000b\":1}")),
        ("the same key twice", JSON, text("{\"reason\":\"a\",\"reason\":{\"b\":1}}")),
        ("numbers out of range", JSON, text("{\"limit\":99999999999999999999999,\"n\":-0,\"m\":1.0e5}")),
        ("a long key", JSON, format!("{{\"{}\":1}}", "k".repeat(70_000)).into_bytes()),
        (
            "a thousand keys",
            JSON,
            format!("{{{}\"z\":1}}", (0..1_000).map(|n| format!("\"k{n}\":[],")).collect::<String>()).into_bytes(),
        ),
        ("another content type", "text/plain", text("{\"reason\":\"x\"}")),
        ("no content type to speak of", "\u{7f}", text("{}")),
        ("a form", "application/x-www-form-urlencoded", text("a=b&c=d")),
    ]
}

/// Values of the wrong type or range for any field.
pub(super) fn wrong_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(9_007_199_254_740_992_i64),
        json!(""),
        json!("a\u{0}b"),
        json!("\u{202e}\u{1b}[31m\r\n"),
        json!("x".repeat(300)),
        json!("@:"),
        json!([]),
        json!([null, {}, [[]], "x"]),
        json!({}),
        json!({ "": { "": { "": null } }, "a": [1], "@x:y": { "*": { "k": -1 } } }),
    ]
}

/// Event contents whose fields the server reads, with wrong values.
pub(super) fn wrong_contents() -> Vec<Value> {
    let fields = [
        "name",
        "topic",
        "url",
        "alias",
        "alt_aliases",
        "history_visibility",
        "join_rule",
        "allow",
        "guest_access",
        "users",
        "users_default",
        "events",
        "algorithm",
        "deny",
        "pinned",
        "replacement_room",
        "predecessor",
        "membership",
        "displayname",
        "avatar_url",
        "redacts",
        "via",
        "m.relates_to",
        "m.mentions",
        "m.new_content",
        "body",
        "msgtype",
        "third_party_invite",
        "join_authorised_via_users_server",
        "room_version",
        "creator",
        "additional_creators",
    ];
    let with = |value: Value| Value::Object(fields.iter().map(|field| ((*field).to_owned(), value.clone())).collect());
    let mut contents: Vec<_> =
        [json!("x"), json!(1), json!([1]), json!({ "a": { "b": "c" } }), json!(-9_007_199_254_740_991_i64)]
            .map(with)
            .into();
    let deep = (0..50).fold(json!(1), |inner, _| json!([inner]));
    contents.extend([
        json!({ "m.relates_to": { "rel_type": "m.thread", "event_id": "$self" } }),
        json!({ "m.relates_to": { "rel_type": [], "event_id": {} } }),
        json!({ "m.relates_to": { "m.in_reply_to": { "event_id": 5 } } }),
        json!({ "membership": "join", "displayname": "d".repeat(60_000) }),
        json!({ "users": { "@a:b": "100", "x": 1 }, "events": { "m.room.name": {} } }),
        json!({ "allow": [{ "type": "m.room_membership", "room_id": 5 }, 7], "join_rule": "restricted" }),
        json!({ "deep": deep }),
        json!({ "body": "x", "msgtype": "m.text", "f": 0.1 }),
    ]);
    contents
}

/// Unusual path segments, percent-encoded where necessary.
pub(super) fn strange_segments() -> Vec<String> {
    let long = "x".repeat(300);
    let mut segments: Vec<String> =
        ["%00", "%FF%FE", "%2e%2e", "%2F", "x", "%F0%9F%92%A5", "%40%3A", "%0D%0Aa%3A%20b", "%E2%80%AE"]
            .map(str::to_owned)
            .into();
    segments.extend(["%40", "!", "%24", "%23"].map(|sigil| format!("{sigil}{long}:localhost")));
    segments.extend(["%40a:b:c:99999999", "!a:b%20c", "%24a%0a", "%23a:%5B::1", "%21:localhost"].map(str::to_owned));
    segments
}

/// Unusual query values, percent-encoded where necessary.
pub(super) fn strange_query_values() -> Vec<String> {
    let mut values: Vec<String> = [
        "",
        "-1",
        "99999999999999999999",
        "1.5",
        "x",
        "%00",
        "%FF",
        "true",
        "null",
        "%7B",
        "%5B%5D",
        "s-1",
        "t-9223372036854775808",
        "s9223372036854775807",
        "t9223372036854775807",
        "%7B%22room%22%3A%7B%22timeline%22%3A%7B%22limit%22%3A-1%7D%7D%7D",
        "%7B%22room%22%3A%7B%22rooms%22%3A%5B%22x%22%5D%7D%7D",
        "%F0%9F%92%A5",
    ]
    .map(str::to_owned)
    .into();
    values.push("%5B".repeat(3_000));
    values.push("y".repeat(5_000));
    values
}
