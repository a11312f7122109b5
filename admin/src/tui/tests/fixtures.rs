//! Sample data, and helpers that press keys.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::tui::message::{Effect, Load, Loaded, Message};
use crate::tui::state::{Screen, Settings, State};
use crate::tui::update::update;
use crate::tui::view::view;
use crate::wire::{
    Destination, Device, FederationFigures, HealthLevel, Listener, LogEntry, LogLevel, LogPage, Page, Problem,
    RegistrationToken, RelayAllocation, RelayCheck, RelayFigures, RelayRefusals, RelayStatus, RelayUser, RoomDetail,
    RoomMember, RoomSummary, Status, UserDetail, UserRoom, UserSummary, areas,
};

/// The server's clock in every fixture: 2026-08-22 12:00 UTC.
pub(super) const NOW_MS: u64 = 1_787_400_000_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

pub(super) const SETTINGS: Settings = Settings { color: false, ascii: false, readonly: false };

/// A dashboard after its first responses.
pub(super) fn sample_state() -> State {
    let mut state = State::new(SETTINGS, (80, 24));
    // Counters that end at the fixture's values, with rising activity.
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

/// The sample dashboard on a loaded screen.
pub(super) fn sample_state_at(screen: Screen) -> State {
    let mut state = sample_state();
    let effects = press(&mut state, KeyCode::Char(char::from(b'1' + u8::try_from(screen.index()).expect("few"))));
    serve(&mut state, effects);
    state
}

/// Answers the requests among the effects with sample data.
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
            Load::Servers { ticket, .. } => {
                Loaded::Servers { page: Page { items: servers(), ..Page::default() }, ticket }
            }
            Load::Server(name) => {
                let found = servers().into_iter().find(|server| server.server_name == name);
                Loaded::Server(Box::new(found.expect("a server of the fixtures")))
            }
            Load::Relay => Loaded::Relay(Box::new(relay())),
            Load::RelayTest => Loaded::RelayTest(checks()),
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

/// Presses keys in sequence and collects the effects.
pub(super) fn type_keys(state: &mut State, keys: &str) -> Vec<Effect> {
    keys.chars().flat_map(|c| press(state, KeyCode::Char(c))).collect()
}

/// The text on a terminal of this size.
pub(super) fn shown(state: &mut State, columns: u16, rows: u16) -> String {
    update(state, Message::Resize(columns, rows));
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a test backend");
    terminal.draw(|frame| view(state, frame)).expect("a test backend never fails");
    terminal.backend().to_string()
}

pub(super) fn status() -> Status {
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
        room("!ghi:hostile.example", Some("\u{1b}]0;owned\u{7}z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}"), 2, 1, 17),
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

pub(super) fn servers() -> Vec<Destination> {
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

pub(super) fn relay() -> RelayStatus {
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

/// The relay five seconds later: only bob has traffic.
pub(super) fn relay_later() -> RelayStatus {
    let mut later = relay();
    later.now_ms += 5_000;
    later.allocations[0].bytes_out += 40_000;
    later.allocations[0].bytes_in += 42_500;
    later.allocations.iter_mut().for_each(|one| one.age_s += 5);
    later.users[1].relayed_bytes += 82_500;
    later
}

pub(super) fn checks() -> Vec<RelayCheck> {
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
