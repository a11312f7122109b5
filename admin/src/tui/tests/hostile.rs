//! Names that attack the terminal, in every field that untrusted users control.

use crossterm::event::KeyCode;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Map, Value, json};

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::text::safe_text;
use crate::tui::state::State;
use crate::tui::update::{Message, begin, update};
use crate::tui::view::view;
use crate::wire::{CreatedUser, Destination, LoggedOut, RelayEnded};

/// All attacks at once, after a word that shows whether the text was drawn.
const EVIL: &str = "EVIL\u{1b}]0;t\u{7}\u{1b}[2J\u{9b}31m\n\r\t\u{0}\u{7f}\u{202e}\u{2066}\u{200b}\u{e0041}\u{301}";

fn hostile() -> String {
    EVIL.to_owned()
}

/// Draws the state and checks every cell. Returns the text.
fn draw_and_check(state: &mut State) -> String {
    let mut all = String::new();
    for (columns, rows) in [(120, 40), (80, 24), (60, 20), (40, 10)] {
        update(state, Message::Resize(columns, rows));
        let mut terminal = Terminal::new(ratatui::backend::TestBackend::new(columns, rows)).expect("a test backend");
        let frame = terminal.draw(|frame| view(state, frame)).expect("a test backend never fails");
        for cell in &frame.buffer.content {
            assert_eq!(safe_text(cell.symbol()), cell.symbol());
            all.push_str(cell.symbol());
        }
        assert_safe_sequences(frame.buffer);
    }
    all
}

/// Writes the buffer as a terminal gets it. Every escape must start a sequence for colour or cursor.
fn assert_safe_sequences(buffer: &Buffer) {
    let mut bytes = Vec::new();
    let mut backend = CrosstermBackend::new(&mut bytes);
    let blank = Buffer::empty(Rect { ..buffer.area });
    backend.draw(blank.diff(buffer).into_iter()).expect("memory never fails");
    let text = String::from_utf8(bytes).expect("only text is written");
    for rest in text.split('\x1b').skip(1) {
        let parameters = rest.strip_prefix('[').expect("only control sequences");
        let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';').expect("an end");
        assert!(matches!(&parameters[end..=end], "m" | "H"), "{rest:?}");
    }
    assert!(!text.contains(|c: char| c.is_control() && c != '\x1b'), "{text:?}");
}

/// Fields whose values are words of the API. Others would not parse.
const ENUMS: [&str; 2] = ["level", "state"];
/// Fields that map names to values, where the names are hostile too.
const MAPS: [&str; 1] = ["fields"];

/// The answer with hostile text in every string, and with large numbers.
fn poisoned(value: Value) -> Value {
    match value {
        Value::String(_) => Value::String(hostile()),
        Value::Array(items) => items.into_iter().map(poisoned).collect(),
        Value::Object(fields) => {
            let poison = |(name, value): (String, Value)| match name.as_str() {
                enumeration if ENUMS.contains(&enumeration) => (name, value),
                map if MAPS.contains(&map) => {
                    let values = value.as_object().cloned().unwrap_or_default().into_values();
                    let named = values.map(|value| (hostile(), poisoned(value))).collect::<Map<_, _>>();
                    (name, Value::Object(named))
                }
                _ => (name, poisoned(value)),
            };
            fields.into_iter().map(poison).collect::<Map<_, _>>().into()
        }
        // The largest number that fits all integers of the API.
        Value::Number(number) if number.is_u64() => json!(u32::MAX),
        other => other,
    }
}

/// A dashboard whose server is hostile in everything.
fn hostile_state() -> State {
    let mut state = State::new(SETTINGS, (80, 24));
    let effects = begin(&mut state);
    serve_with(&mut state, effects, poisoned);
    state
}

/// Every screen, what it opens, its tabs, and each dialog of its menu.
#[test]
fn on_every_screen() {
    for name in names() {
        let mut state = hostile_state();
        let effects = go(&mut state, name);
        serve_with(&mut state, effects, poisoned);
        assert!(state.shared.notice.is_none(), "{name}: the answer does not parse: {:?}", state.shared.notice);
        for _ in 0..4 {
            assert!(draw_and_check(&mut state).contains("EVIL"), "{name} draws nothing of the answer");
            press(&mut state, KeyCode::Right);
        }
        let letters: Vec<_> = state.screen().menu().map_or_else(Vec::new, |menu| menu.items);
        for item in letters {
            type_keys(&mut state, "a");
            draw_and_check(&mut state);
            let effects = press(&mut state, KeyCode::Char(item.key));
            draw_and_check(&mut state);
            press(&mut state, KeyCode::Esc);
            drop(effects);
        }
        let effects = press(&mut state, KeyCode::Enter);
        serve_with(&mut state, effects, poisoned);
        for _ in 0..4 {
            draw_and_check(&mut state);
            press(&mut state, KeyCode::Right);
        }
    }
}

#[test]
fn in_the_chrome() {
    let mut state = hostile_state();
    type_keys(&mut state, ":");
    update(&mut state, Message::Paste(hostile()));
    draw_and_check(&mut state);
    press(&mut state, KeyCode::Esc);
    let effects = begin(&mut state);
    let error = ClientError { kind: ErrorKind::NotRunning, what: safe_text(EVIL), remedy: safe_text(EVIL) };
    fail(&mut state, effects, "GET", error);
    assert!(draw_and_check(&mut state).contains("EVIL"));
}

/// What changes answer. The name of the screen, the keys, and the answer.
#[test]
fn in_the_results_of_changes() {
    let far = u64::MAX;
    let token =
        json!({ "token": hostile(), "link": hostile(), "notice": hostile(), "expires_ms": far, "created_ms": far });
    let server = Destination {
        server_name: hostile(),
        reason: Some(hostile()),
        failing_since_ms: Some(u64::MAX),
        retry_at_ms: Some(u64::MAX),
        queued_events: u64::MAX,
        queued_edus: 1,
        ..Destination::default()
    };
    let made = CreatedUser { user_id: hostile(), password: Some(hostile()) };
    for (screen, keys, enter, value) in [
        ("Users", "nx", KeyCode::Enter, json!(made)),
        ("Users", "apl", KeyCode::Enter, json!({ "password": hostile() })),
        ("Users", "aol", KeyCode::Enter, json!(LoggedOut { devices: u64::MAX })),
        ("Users", "al", KeyCode::Null, json!({})),
        ("Tokens", "n", KeyCode::Enter, token),
        ("Tokens", "xl", KeyCode::Enter, json!({})),
        ("Federation", "t", KeyCode::Null, json!(server)),
        ("Appservices", "t", KeyCode::Null, json!({ "duration_ms": far })),
        ("Appservices", "d", KeyCode::Null, json!({})),
        ("Appservices", "xl", KeyCode::Enter, json!({})),
        ("Calls", "xl", KeyCode::Enter, json!({})),
        ("Calls", "aol", KeyCode::Enter, json!(RelayEnded { allocations: u64::MAX })),
    ] {
        let mut state = hostile_state();
        let effects = go(&mut state, screen);
        serve_with(&mut state, effects, poisoned);
        let mut effects = type_keys(&mut state, keys);
        effects.extend(press(&mut state, enter));
        answer(&mut state, effects, "", value);
        assert!(draw_and_check(&mut state).contains("EVIL"), "{screen} {keys}");
    }
}

#[test]
fn in_the_test_of_calls_and_without_a_relay() {
    let mut state = hostile_state();
    let effects = go(&mut state, "Calls");
    serve_with(&mut state, effects, poisoned);
    let effects = type_keys(&mut state, "t");
    assert!(draw_and_check(&mut state).contains("EVIL"));
    let check =
        json!({ "uri": hostile(), "works": false, "message": hostile(), "round_trip_ms": 1e300, "lost": -1e300 });
    answer(&mut state, effects, "POST", json!({ "items": [check] }));
    assert!(draw_and_check(&mut state).contains("EVIL"));
    let absent = json!({
        "running": false, "absence": hostile(), "uris": [hostile()], "public": [], "warnings": [], "allocations": [],
        "users": [], "refused": [],
    });
    reload(&mut state, "GET /api/v1/relay", absent);
    assert!(draw_and_check(&mut state).contains("EVIL"));
}
