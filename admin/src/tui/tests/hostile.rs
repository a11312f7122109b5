//! Names that attack the terminal, in every place a stranger can write to.

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

/// Everything bad at once, with a word in front that shows whether it was drawn at all.
const EVIL: &str = "EVIL\u{1b}]0;t\u{7}\u{1b}[2J\u{9b}31m\n\r\t\u{0}\u{7f}\u{202e}\u{2066}\u{200b}\u{e0041}\u{301}";

fn evil() -> String {
    EVIL.to_owned()
}

/// Draws and looks at every cell; returns the text.
fn inspected(state: &mut State) -> String {
    let mut all = String::new();
    for (columns, rows) in [(120, 40), (80, 24), (60, 20), (40, 10)] {
        update(state, Message::Resize(columns, rows));
        let mut terminal = Terminal::new(ratatui::backend::TestBackend::new(columns, rows)).expect("a test backend");
        let frame = terminal.draw(|frame| view(state, frame)).expect("a test backend never fails");
        for cell in &frame.buffer.content {
            assert_eq!(safe_text(cell.symbol()), cell.symbol());
            all.push_str(cell.symbol());
        }
        only_our_sequences(frame.buffer);
    }
    all
}

/// Writes the buffer as a terminal would get it: every escape must begin a sequence for colour or cursor.
fn only_our_sequences(buffer: &Buffer) {
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

fn evil_user() -> UserSummary {
    UserSummary { user_id: evil(), display_name: Some(evil()), ..user("x") }
}

fn evil_room() -> RoomSummary {
    let [room, ..] = &rooms()[..] else { unreachable!("the list is not empty") };
    RoomSummary {
        room_id: evil(),
        name: Some(evil()),
        canonical_alias: Some(evil()),
        version: evil(),
        creator: Some(evil()),
        ..room.clone()
    }
}

#[test]
fn on_the_dashboard_and_in_the_chrome() {
    let mut state = sample_state();
    let mut status = status();
    status.server_name = evil();
    status.version = evil();
    status.store_engine = evil();
    status.listeners = vec![Listener { address: evil(), tls: true, resources: vec![evil()] }];
    status.problems.iter_mut().for_each(|problem: &mut Problem| {
        problem.what = evil();
        problem.remedy = evil();
        problem.area = Some(evil());
    });
    answer(&mut state, Loaded::Status(Box::new(status)));
    assert!(inspected(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Enter);
    inspected(&mut state);
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, ":");
    update(&mut state, Message::Paste(evil()));
    inspected(&mut state);
    press(&mut state, KeyCode::Esc);
    let error = ClientError { kind: ErrorKind::NotRunning, what: safe_text(EVIL), remedy: safe_text(EVIL) };
    update(&mut state, Message::LoadFailed(Load::Status, error));
    inspected(&mut state);
}

#[test]
fn in_users_and_their_questions() {
    let mut state = sample_state_at(Screen::Users);
    let (_, ticket) = state.users.reload();
    answer(&mut state, Loaded::Users { page: Page { items: vec![evil_user()], ..Page::default() }, ticket });
    assert!(inspected(&mut state).contains("EVIL"));
    for keys in ["a", "ap", "am", "ao", "ad", "ae"] {
        type_keys(&mut state, keys);
        assert!(state.overlay.is_some(), "{keys}");
        inspected(&mut state);
        press(&mut state, KeyCode::Esc);
    }
    press(&mut state, KeyCode::Enter);
    let device =
        Device { device_id: evil(), display_name: Some(evil()), last_seen_ms: Some(1), last_seen_ip: Some(evil()) };
    let room = UserRoom { room_id: evil(), name: Some(evil()) };
    let detail = UserDetail { summary: evil_user(), device_list: vec![device], rooms: vec![room] };
    answer(&mut state, Loaded::User(Box::new(detail)));
    for _ in 0..3 {
        assert!(inspected(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Tab);
    }
    let outcome = Outcome::Password { user: evil(), password: Some(evil()) };
    let change = Change::ResetPassword { user: evil(), logout_devices: false };
    update(&mut state, Message::Changed(change, Ok(outcome)));
    inspected(&mut state);
}

#[test]
fn in_rooms() {
    let mut state = sample_state_at(Screen::Rooms);
    let (_, ticket) = state.rooms.reload();
    answer(&mut state, Loaded::Rooms { page: Page { items: vec![evil_room()], ..Page::default() }, ticket });
    assert!(inspected(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Enter);
    let member = RoomMember { user_id: evil(), display_name: Some(evil()), power_level: 0 };
    let detail = RoomDetail { summary: evil_room(), topic: Some(evil()), join_rule: evil(), members: vec![member] };
    answer(&mut state, Loaded::Room(Box::new(detail)));
    for _ in 0..2 {
        assert!(inspected(&mut state).contains("EVIL"));
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
        target: evil(),
        message: evil(),
        fields: [(evil(), evil())].into(),
    };
    answer(&mut state, Loaded::Log { page: LogPage { entries: vec![entry], next: 500 }, ticket: 2 });
    assert!(inspected(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Enter);
    assert!(inspected(&mut state).contains("EVIL"));
}

#[test]
fn in_tokens() {
    let mut state = sample_state_at(Screen::Tokens);
    let (_, ticket) = state.tokens.reload();
    let token = RegistrationToken {
        token: evil(),
        uses_allowed: None,
        pending: 0,
        completed: 0,
        expires_ms: Some(u64::MAX),
        created_ms: u64::MAX,
    };
    answer(&mut state, Loaded::Tokens { items: vec![token.clone()], ticket });
    assert!(inspected(&mut state).contains("EVIL"));
    type_keys(&mut state, "x");
    inspected(&mut state);
    press(&mut state, KeyCode::Esc);
    let change = Change::CreateToken(crate::wire::NewRegistrationToken::default());
    update(&mut state, Message::Changed(change, Ok(Outcome::Token(token))));
    inspected(&mut state);
}

#[test]
fn in_other_servers() {
    let mut state = sample_state_at(Screen::Federation);
    let (_, ticket) = state.servers.reload();
    let server = Destination {
        server_name: evil(),
        reason: Some(evil()),
        failing_since_ms: Some(u64::MAX),
        retry_at_ms: Some(u64::MAX),
        queued_events: u64::MAX,
        ..Destination::default()
    };
    answer(&mut state, Loaded::Servers { page: Page { items: vec![server.clone()], ..Page::default() }, ticket });
    assert!(inspected(&mut state).contains("EVIL"));
    type_keys(&mut state, "a");
    assert!(inspected(&mut state).contains("EVIL"));
    press(&mut state, KeyCode::Esc);
    press(&mut state, KeyCode::Enter);
    answer(&mut state, Loaded::Server(Box::new(server.clone())));
    assert!(inspected(&mut state).contains("EVIL"));
    let retry = Change::RetryServer(evil());
    update(&mut state, Message::Changed(retry, Ok(Outcome::Server(Box::new(server)))));
    inspected(&mut state);
}

/// A relay of which everything is evil, with counters at their end.
fn evil_relay() -> RelayStatus {
    let held = RelayAllocation {
        id: evil(),
        user_id: evil(),
        client: evil(),
        transport: evil(),
        relayed: vec![evil()],
        peers: vec![evil(), evil()],
        age_s: u64::MAX,
        packets_out: u64::MAX,
        bytes_out: u64::MAX,
        packets_in: u64::MAX,
        bytes_in: u64::MAX,
    };
    let user = RelayUser { user_id: evil(), allocations: u32::MAX, ended: u64::MAX, relayed_bytes: u64::MAX };
    RelayStatus {
        now_ms: NOW_MS,
        running: true,
        absence: None,
        uris: vec![evil()],
        public: vec![evil()],
        warnings: vec![evil()],
        users: vec![user],
        allocations: vec![held],
        refused: vec![RelayRefusals { reason: evil(), count: u64::MAX }],
    }
}

#[test]
fn in_calls() {
    let mut state = sample_state_at(Screen::Calls);
    answer(&mut state, Loaded::Relay(Box::new(evil_relay())));
    for _ in 0..4 {
        assert!(inspected(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Right);
    }
    for keys in ["x", "ao"] {
        type_keys(&mut state, keys);
        assert!(state.overlay.is_some(), "{keys}");
        assert!(inspected(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Esc);
    }
    press(&mut state, KeyCode::Enter);
    for _ in 0..2 {
        assert!(inspected(&mut state).contains("EVIL"));
        press(&mut state, KeyCode::Tab);
    }
    let all = Change::DisconnectAll { user: evil() };
    update(&mut state, Message::Changed(all, Ok(Outcome::Disconnected { allocations: u64::MAX })));
    inspected(&mut state);
}

#[test]
fn in_the_test_of_calls_and_without_a_relay() {
    let mut state = sample_state_at(Screen::Calls);
    answer(&mut state, Loaded::Relay(Box::new(evil_relay())));
    type_keys(&mut state, "t");
    assert!(inspected(&mut state).contains("EVIL"));
    let check =
        RelayCheck { uri: evil(), works: false, message: evil(), round_trip_ms: Some(f64::NAN), lost: Some(-1e300) };
    answer(&mut state, Loaded::RelayTest(vec![check]));
    assert!(inspected(&mut state).contains("EVIL"));
    let absent = RelayStatus { running: false, absence: Some(evil()), ..evil_relay() };
    answer(&mut state, Loaded::Relay(Box::new(absent)));
    assert!(inspected(&mut state).contains("EVIL"));
}
