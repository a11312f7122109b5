//! The log screen.

use crate::tui::tests::fixtures::*;
use crate::wire::LogPage;

use super::{Log, Screen, samples};

const FIRST: &str = "GET /api/v1/log?level=info&limit=500";

#[test]
fn it_follows_pauses_and_changes_level() {
    let mut state = sample_state();
    let first = go(&mut state, "Log");
    assert_eq!(sent(&first), [FIRST]);
    let wait = answer(&mut state, first, "GET", LogPage { entries: samples::log(), next: 104 });
    assert_eq!(screen::<Log>(&state).panes().list.map(|list| list.position()), Some(2), "at the end");
    let next = "GET /api/v1/log?after=104&level=info&limit=500&wait_ms=20000";
    assert_eq!(sent(&wait), [next]);
    let again = answer(&mut state, wait, "GET", LogPage { entries: Vec::new(), next: 104 });
    assert_eq!(sent(&again), [next], "the next wait");

    type_keys(&mut state, "p");
    answer(&mut state, again, "GET", LogPage { entries: samples::log(), next: 110 });
    assert_eq!(keys(&state).len(), 3, "nothing moves while paused");
    let on = type_keys(&mut state, "p");
    assert_eq!(sent(&on), [next]);

    let level = type_keys(&mut state, "v");
    assert_eq!(sent(&level), ["GET /api/v1/log?level=debug&limit=500"]);
    type_keys(&mut state, "1");
    assert!(answer(&mut state, level, "GET", LogPage::default()).is_empty(), "the screen is closed");
}

#[test]
fn the_level_is_a_command_too() {
    let mut state = sample_state_at("Log");
    assert_eq!(
        sent(&run(&mut state, "level warn")).last().map(String::as_str),
        Some("GET /api/v1/log?level=warn&limit=500")
    );
    run(&mut state, "level loud");
    assert!(state.shared.notice.as_ref().is_some_and(|notice| notice.error));
}

#[test]
fn the_cursor_stays_when_not_at_the_end() {
    let mut state = sample_state();
    let first = go(&mut state, "Log");
    let wait = answer(&mut state, first, "GET", LogPage { entries: samples::log(), next: 104 });
    type_keys(&mut state, "g");
    let mut entries = samples::log();
    entries.iter_mut().for_each(|entry| entry.seq += 100);
    answer(&mut state, wait, "GET", LogPage { entries, next: 204 });
    assert_eq!(keys(&state).len(), 6);
    assert_eq!(selected(&state), "101");
}

#[test]
fn it_begins_anew_when_the_server_is_back() {
    let mut state = sample_state();
    let first = go(&mut state, "Log");
    let wait = answer(&mut state, first, "GET", LogPage { entries: samples::log(), next: 104 });
    fail(&mut state, wait, "GET", down());
    let asked = seconds(&mut state, 2);
    let status = state.shared.status.clone();
    let back = answer(&mut state, asked, "GET /api/v1/status", status);
    assert_eq!(sent(&back), [FIRST], "sequence numbers restart with the server");
}
