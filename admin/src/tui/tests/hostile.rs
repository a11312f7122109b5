//! Names that attack the terminal, in every field that untrusted users control.

use crossterm::event::KeyCode;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::text::safe_text;
use crate::tui::message::{Change, Load, Loaded, Message, Outcome};
use crate::tui::state::{Screen, State};
use crate::tui::update::update;
use crate::tui::view::view;
use crate::wire::{
    Destination, Device, Listener, LogEntry, LogLevel, LogPage, Page, Problem, RegistrationToken, RelayAllocation,
    RelayCheck, RelayRefusals, RelayStatus, RelayUser, RoomDetail, RoomMember, RoomSummary, UserDetail, UserRoom,
    UserSummary,
};

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

fn hostile_user() -> UserSummary {
    UserSummary { user_id: hostile(), display_name: Some(hostile()), ..user("x") }
}

fn hostile_room() -> RoomSummary {
    let [room, ..] = &rooms()[..] else { unreachable!("the list is not empty") };
    RoomSummary {
        room_id: hostile(),
        name: Some(hostile()),
        canonical_alias: Some(hostile()),
        version: hostile(),
        creator: Some(hostile()),
        ..room.clone()
    }
}

#[test]
fn on_the_dashboard_and_in_the_chrome() {
    let mut state = sample_state();
    let mut status = status();
    status.server_name = hostile();
    status.version = hostile();
    status.store_engine = hostile();
    status.listeners = vec![Listener { address: hostile(), tls: true, resources: vec![hostile()] }];
    status.problems.iter_mut().for_each(|problem: &mut Problem| {
        problem.what = hostile();
        problem.remedy = hostile();
        problem.area = Some(hostile());
    });
    answer(&mut state, Loaded::Status(Box::new(status)));
    assert!(draw_and_check(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Enter);
    draw_and_check(&mut state);
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, ":");
    update(&mut state, Message::Paste(hostile()));
    draw_and_check(&mut state);
    press(&mut state, KeyCode::Esc);
    let error = ClientError { kind: ErrorKind::NotRunning, what: safe_text(EVIL), remedy: safe_text(EVIL) };
    update(&mut state, Message::LoadFailed(Load::Status, error));
    draw_and_check(&mut state);
}

#[test]
fn in_users_and_their_confirmations() {
    let mut state = sample_state_at(Screen::Users);
    let (_, ticket) = state.users.reload();
    answer(&mut state, Loaded::Users { page: Page { items: vec![hostile_user()], ..Page::default() }, ticket });
    assert!(draw_and_check(&mut state).contains("EVIL"));
    for keys in ["a", "ap", "am", "ao", "ad", "ae"] {
        type_keys(&mut state, keys);
        assert!(state.overlay.is_some(), "{keys}");
        draw_and_check(&mut state);
        press(&mut state, KeyCode::Esc);
    }
    press(&mut state, KeyCode::Enter);
    let device = Device {
        device_id: hostile(),
        display_name: Some(hostile()),
        last_seen_ms: Some(1),
        last_seen_ip: Some(hostile()),
    };
    let room = UserRoom { room_id: hostile(), name: Some(hostile()) };
    let detail = UserDetail { summary: hostile_user(), device_list: vec![device], rooms: vec![room] };
    answer(&mut state, Loaded::User(Box::new(detail)));
    for _ in 0..3 {
        assert!(draw_and_check(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Tab);
    }
    let outcome = Outcome::Password { user: hostile(), password: Some(hostile()) };
    let change = Change::ResetPassword { user: hostile(), logout_devices: false };
    update(&mut state, Message::Changed(change, Ok(outcome)));
    draw_and_check(&mut state);
}

#[test]
fn in_rooms() {
    let mut state = sample_state_at(Screen::Rooms);
    let (_, ticket) = state.rooms.reload();
    answer(&mut state, Loaded::Rooms { page: Page { items: vec![hostile_room()], ..Page::default() }, ticket });
    assert!(draw_and_check(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Enter);
    let member = RoomMember { user_id: hostile(), display_name: Some(hostile()), power_level: 0 };
    let detail =
        RoomDetail { summary: hostile_room(), topic: Some(hostile()), join_rule: hostile(), members: vec![member] };
    answer(&mut state, Loaded::Room(Box::new(detail)));
    for _ in 0..2 {
        assert!(draw_and_check(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Tab);
    }
}

#[test]
fn in_the_log() {
    let mut state = sample_state_at(Screen::Log);
    let entry = LogEntry {
        seq: 500,
        ts_ms: NOW_MS,
        level: LogLevel::Warn,
        target: hostile(),
        message: hostile(),
        fields: [(hostile(), hostile())].into(),
    };
    answer(&mut state, Loaded::Log { page: LogPage { entries: vec![entry], next: 500 }, ticket: 2 });
    assert!(draw_and_check(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Enter);
    assert!(draw_and_check(&mut state).contains("EVIL"));
}

#[test]
fn in_tokens() {
    let mut state = sample_state_at(Screen::Tokens);
    let (_, ticket) = state.tokens.reload();
    let token = RegistrationToken {
        token: hostile(),
        uses_allowed: None,
        pending: 0,
        completed: 0,
        expires_ms: Some(u64::MAX),
        created_ms: u64::MAX,
    };
    answer(&mut state, Loaded::Tokens { items: vec![token.clone()], ticket });
    assert!(draw_and_check(&mut state).contains("EVIL"));
    type_keys(&mut state, "x");
    draw_and_check(&mut state);
    press(&mut state, KeyCode::Esc);
    let change = Change::CreateToken(crate::wire::NewRegistrationToken::default());
    update(&mut state, Message::Changed(change, Ok(Outcome::Token(token))));
    draw_and_check(&mut state);
}

#[test]
fn in_other_servers() {
    let mut state = sample_state_at(Screen::Federation);
    let (_, ticket) = state.servers.reload();
    let server = Destination {
        server_name: hostile(),
        reason: Some(hostile()),
        failing_since_ms: Some(u64::MAX),
        retry_at_ms: Some(u64::MAX),
        queued_events: u64::MAX,
        ..Destination::default()
    };
    answer(&mut state, Loaded::Servers { page: Page { items: vec![server.clone()], ..Page::default() }, ticket });
    assert!(draw_and_check(&mut state).contains("EVIL"));
    type_keys(&mut state, "a");
    assert!(draw_and_check(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Esc);
    press(&mut state, KeyCode::Enter);
    answer(&mut state, Loaded::Server(Box::new(server.clone())));
    assert!(draw_and_check(&mut state).contains("EVIL"));
    let retry = Change::RetryServer(hostile());
    update(&mut state, Message::Changed(retry, Ok(Outcome::Server(Box::new(server)))));
    draw_and_check(&mut state);
}

/// A relay with hostile text in every field, and counters at their maximum.
fn hostile_relay() -> RelayStatus {
    let held = RelayAllocation {
        id: hostile(),
        user_id: hostile(),
        client: hostile(),
        transport: hostile(),
        relayed: vec![hostile()],
        peers: vec![hostile(), hostile()],
        age_s: u64::MAX,
        packets_out: u64::MAX,
        bytes_out: u64::MAX,
        packets_in: u64::MAX,
        bytes_in: u64::MAX,
    };
    let user = RelayUser { user_id: hostile(), allocations: u32::MAX, ended: u64::MAX, relayed_bytes: u64::MAX };
    RelayStatus {
        now_ms: NOW_MS,
        running: true,
        absence: None,
        uris: vec![hostile()],
        public: vec![hostile()],
        warnings: vec![hostile()],
        users: vec![user],
        allocations: vec![held],
        refused: vec![RelayRefusals { reason: hostile(), count: u64::MAX }],
    }
}

#[test]
fn in_calls() {
    let mut state = sample_state_at(Screen::Calls);
    answer(&mut state, Loaded::Relay(Box::new(hostile_relay())));
    for _ in 0..4 {
        assert!(draw_and_check(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Right);
    }
    for keys in ["x", "ao"] {
        type_keys(&mut state, keys);
        assert!(state.overlay.is_some(), "{keys}");
        assert!(draw_and_check(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Esc);
    }
    press(&mut state, KeyCode::Enter);
    for _ in 0..2 {
        assert!(draw_and_check(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Tab);
    }
    let all = Change::DisconnectAll { user: hostile() };
    update(&mut state, Message::Changed(all, Ok(Outcome::Disconnected { allocations: u64::MAX })));
    draw_and_check(&mut state);
}

#[test]
fn in_the_test_of_calls_and_without_a_relay() {
    let mut state = sample_state_at(Screen::Calls);
    answer(&mut state, Loaded::Relay(Box::new(hostile_relay())));
    type_keys(&mut state, "t");
    assert!(draw_and_check(&mut state).contains("EVIL"));
    let check = RelayCheck {
        uri: hostile(),
        works: false,
        message: hostile(),
        round_trip_ms: Some(f64::NAN),
        lost: Some(-1e300),
    };
    answer(&mut state, Loaded::RelayTest(vec![check]));
    assert!(draw_and_check(&mut state).contains("EVIL"));
    let absent = RelayStatus { running: false, absence: Some(hostile()), ..hostile_relay() };
    answer(&mut state, Loaded::Relay(Box::new(absent)));
    assert!(draw_and_check(&mut state).contains("EVIL"));
}
