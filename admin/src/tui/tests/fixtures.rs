//! A house to look at, and hands that press keys.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::tui::message::{Effect, Load, Loaded, Message};
use crate::tui::state::{Screen, Settings, State};
use crate::tui::update::update;
use crate::tui::view::view;
use crate::wire::{
    Device, HealthLevel, Listener, LogEntry, LogLevel, LogPage, Page, Problem, RegistrationToken, RoomDetail,
    RoomMember, RoomSummary, Status, UserDetail, UserRoom, UserSummary,
};

/// The server's clock in every fixture: 2026-08-22 12:00 UTC.
pub(super) const NOW_MS: u64 = 1_787_400_000_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

pub(super) const SETTINGS: Settings = Settings { color: false, ascii: false, readonly: false };

/// A dashboard that has had its first answers.
pub(super) fn house() -> State {
    let mut state = State::new(SETTINGS, (80, 24));
    // Counters that ended where the fixture is, a little busier every minute.
    for before in (1..30).rev() {
        let mut status = status();
        status.now_ms -= before * 5_000;
        status.events -= before * (before + 3);
        status.commits -= before * 4 + before % 3;
        answer(&mut state, Loaded::Status(Box::new(status)));
    }
    answer(&mut state, Loaded::Status(Box::new(status())));
    state
}

/// The house, looking at a screen that has loaded.
pub(super) fn house_at(screen: Screen) -> State {
    let mut state = house();
    let effects = press(&mut state, KeyCode::Char(char::from(b'1' + u8::try_from(screen.index()).expect("few"))));
    serve(&mut state, effects);
    state
}

/// Answers every question among the effects, as the server of this house would.
pub(super) fn serve(state: &mut State, effects: Vec<Effect>) {
    for effect in effects {
        let Effect::Load(load) = effect else { continue };
        let loaded = match load {
            Load::Status => Loaded::Status(Box::new(status())),
            Load::Jobs => Loaded::Jobs(Vec::new()),
            Load::Users { ticket, .. } => Loaded::Users { page: Page { items: users(), ..Page::default() }, ticket },
            Load::User(_) => Loaded::User(Box::new(user_detail())),
            Load::Rooms { ticket, .. } => Loaded::Rooms { page: Page { items: rooms(), ..Page::default() }, ticket },
            Load::Room(_) => Loaded::Room(Box::new(room_detail())),
            Load::Tokens { ticket } => Loaded::Tokens { items: tokens(), ticket },
            Load::Log { ticket, .. } => Loaded::Log { page: LogPage { entries: log(), next: 104 }, ticket },
        };
        answer(state, loaded);
    }
}

pub(super) fn answer(state: &mut State, loaded: Loaded) -> Vec<Effect> {
    update(state, Message::Loaded(loaded))
}

pub(super) fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    update(state, Message::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Presses one key after the other and gathers what they ask for.
pub(super) fn type_keys(state: &mut State, keys: &str) -> Vec<Effect> {
    keys.chars().flat_map(|c| press(state, KeyCode::Char(c))).collect()
}

/// What a terminal of this size shows.
pub(super) fn shown(state: &mut State, columns: u16, rows: u16) -> String {
    update(state, Message::Resize(columns, rows));
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a test backend");
    terminal.draw(|frame| view(state, frame)).expect("a test backend never fails");
    terminal.backend().to_string()
}

pub(super) fn status() -> Status {
    let problem = |level, what: &str, remedy: &str| Problem { level, what: what.into(), remedy: remedy.into() };
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
        problems: vec![
            problem(HealthLevel::Fail, "No backup has ever been made.", "Run `hearth backup` and put it elsewhere."),
            problem(HealthLevel::Warn, "The disk is 87 % full.", "Delete old remote media or use a larger card."),
            problem(HealthLevel::Ok, "The certificate is good for 60 days.", ""),
        ],
    }
}

pub(super) fn user(name: &str) -> UserSummary {
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

pub(super) fn users() -> Vec<UserSummary> {
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

pub(super) fn user_detail() -> UserDetail {
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
    }
}

pub(super) fn rooms() -> Vec<RoomSummary> {
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
        room("!ghi:evil.example", Some("\u{1b}]0;owned\u{7}z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}"), 2, 1, 17),
    ]
}

pub(super) fn room_detail() -> RoomDetail {
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

pub(super) fn tokens() -> Vec<RegistrationToken> {
    let token = |token: &str, uses_allowed, completed, expires_ms| RegistrationToken {
        token: token.into(),
        uses_allowed,
        pending: 0,
        completed,
        expires_ms,
        created_ms: NOW_MS - 3 * DAY_MS,
    };
    vec![
        token("grandma-and-friends", Some(3), 1, Some(NOW_MS + 7 * DAY_MS)),
        token("party", None, 8, None),
        token("used-up", Some(1), 1, None),
    ]
}

pub(super) fn log() -> Vec<LogEntry> {
    let entry = |seq, level, target: &str, message: &str, fields: &[(&str, &str)]| LogEntry {
        seq,
        ts_ms: NOW_MS + seq * 1_000,
        level,
        target: target.into(),
        message: message.into(),
        fields: fields.iter().map(|&(name, value)| (name.into(), value.into())).collect::<BTreeMap<_, _>>(),
    };
    vec![
        entry(101, LogLevel::Info, "hearth::listen", "Listening.", &[("address", "0.0.0.0:443")]),
        entry(
            102,
            LogLevel::Warn,
            "hearth_remote::federation",
            "No answer from a server.",
            &[("server", "slow.example"), ("waited_ms", "30000")],
        ),
        entry(103, LogLevel::Error, "hearth_store", "Line one\nline two \u{1b}[2J", &[]),
    ]
}
