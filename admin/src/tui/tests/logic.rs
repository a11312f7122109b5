//! Navigation, filters, sorting and loading: the effect of keys and responses on the state.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::tui::message::{Effect, Load, Loaded, Message};
use crate::tui::state::{Link, List, Screen, State};
use crate::tui::update::{begin, update};
use crate::wire::{LogLevel, LogPage, Page};

fn order(state: &State) -> Vec<String> {
    let rows = (0..state.users.len()).filter_map(|place| state.users.get(place));
    rows.map(|user| user.user_id.trim_start_matches('@').split(':').next().unwrap_or_default().to_owned()).collect()
}

fn selected(state: &State) -> &str {
    state.users.selected().map_or("", |user| user.user_id.as_str())
}

fn down() -> ClientError {
    ClientError { kind: ErrorKind::NotRunning, what: "Gone.".into(), remedy: "Start it.".into() }
}

#[test]
fn esc_never_quits_and_q_does() {
    for screen in Screen::ALL {
        let mut state = sample_state_at(screen);
        for open in ["", "?", "a", "/x", ":users", "n"] {
            type_keys(&mut state, open);
            for _ in 0..4 {
                press(&mut state, KeyCode::Esc);
            }
            assert!(!state.quit, "Esc after {open:?} on {screen:?}");
            assert!(state.overlay.is_none() && state.line.is_none());
            assert_eq!(state.screen, screen);
        }
        type_keys(&mut state, "q");
        assert!(state.quit);
    }
}

#[test]
fn q_is_a_letter_where_text_is_typed() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "/q");
    assert!(!state.quit);
    assert_eq!(state.users.filter(), "q");
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "nq");
    assert!(!state.quit);
}

#[test]
fn ctrl_c_quits_but_only_closes_an_overlay() {
    let mut state = sample_state_at(Screen::Users);
    let ctrl_c = || Message::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    type_keys(&mut state, "?");
    update(&mut state, ctrl_c());
    assert!(!state.quit && state.overlay.is_none());
    update(&mut state, ctrl_c());
    assert!(state.quit);
}

#[test]
fn numbers_tab_and_commands_reach_every_screen() {
    let mut state = sample_state();
    for screen in Screen::ALL.into_iter().skip(1).chain([Screen::Dashboard]) {
        press(&mut state, KeyCode::Tab);
        assert_eq!(state.screen, screen);
    }
    press(&mut state, KeyCode::BackTab);
    assert_eq!(state.screen, Screen::Calls);
    type_keys(&mut state, ":da");
    press(&mut state, KeyCode::Tab);
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.screen, Screen::Dashboard);
    type_keys(&mut state, ":nonsense");
    press(&mut state, KeyCode::Enter);
    assert!(state.notice.as_ref().is_some_and(|notice| notice.error));
}

#[test]
fn the_cursor_stays_within_the_list() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "kk");
    assert_eq!(selected(&state), "@alice:home.example");
    type_keys(&mut state, "j");
    press(&mut state, KeyCode::Down);
    assert_eq!(selected(&state), "@carol:home.example");
    type_keys(&mut state, "Gj");
    assert_eq!(selected(&state), "@eve:home.example");
    press(&mut state, KeyCode::PageUp);
    assert_eq!(selected(&state), "@alice:home.example");
    press(&mut state, KeyCode::PageDown);
    type_keys(&mut state, "g");
    assert_eq!(selected(&state), "@alice:home.example");
}

#[test]
fn a_filter_applies_while_typing_and_esc_reverts_it() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "/AL");
    assert_eq!(order(&state), ["alice"]);
    press(&mut state, KeyCode::Backspace);
    press(&mut state, KeyCode::Backspace);
    type_keys(&mut state, "tables");
    assert_eq!(order(&state), ["bob"], "display names count too");
    press(&mut state, KeyCode::Esc);
    assert_eq!(order(&state).len(), 5);
    type_keys(&mut state, "/!o");
    press(&mut state, KeyCode::Enter);
    assert_eq!(order(&state), Vec::<String>::new(), "every id has home in it");
    press(&mut state, KeyCode::Esc);
    assert_eq!(order(&state).len(), 5);
    assert_eq!(state.users.filter(), "");
}

#[test]
fn the_server_searches_when_not_all_rows_are_loaded() {
    let mut state = sample_state();
    let Some(Effect::Load(Load::Users { query, ticket })) = type_keys(&mut state, "2").pop() else {
        panic!("the users are loaded")
    };
    assert_eq!((query.from, query.search), (None, None));
    let page = Page { items: users(), next: Some("t1".into()), total: Some(900) };
    answer(&mut state, Loaded::Users { page, ticket });

    let more = press(&mut state, KeyCode::Char('G'));
    let [Effect::Load(Load::Users { query, ticket })] = &more[..] else { panic!("the next page, not {more:?}") };
    assert_eq!(query.from.as_deref(), Some("t1"));
    assert!(press(&mut state, KeyCode::Char('G')).is_empty(), "at most one request is pending");

    type_keys(&mut state, "/zoe");
    let search = press(&mut state, KeyCode::Enter);
    let [Effect::Load(Load::Users { query, ticket: newer })] = &search[..] else { panic!("a search, not {search:?}") };
    assert_eq!((query.from.as_deref(), query.search.as_deref()), (None, Some("zoe")));

    let late = Page { items: users(), next: None, total: None };
    answer(&mut state, Loaded::Users { page: late, ticket: *ticket });
    assert_eq!(state.users.loaded_rows(), 5, "the late page is dropped");
    let page = Page { items: vec![user("zoe")], next: None, total: Some(1) };
    answer(&mut state, Loaded::Users { page, ticket: *newer });
    assert_eq!(order(&state), ["zoe"]);

    let all = press(&mut state, KeyCode::Esc);
    assert!(matches!(&all[..], [Effect::Load(Load::Users { query, .. })] if query.search.is_none()), "{all:?}");
}

#[test]
fn sorting_keeps_the_selected_row() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "j");
    assert_eq!(selected(&state), "@bob:home.example");
    type_keys(&mut state, "s");
    assert_eq!(order(&state), ["alice", "bob", "carol", "dave", "eve"], "seen last first, never last");
    type_keys(&mut state, "s");
    assert_eq!(order(&state), ["carol", "alice", "bob", "dave", "eve"], "by devices");
    assert_eq!(selected(&state), "@bob:home.example");
    type_keys(&mut state, "S");
    assert_eq!(order(&state), ["dave", "eve", "bob", "alice", "carol"]);
    type_keys(&mut state, ":sort 1");
    press(&mut state, KeyCode::Enter);
    assert_eq!(order(&state), ["eve", "dave", "carol", "bob", "alice"]);
    assert_eq!(selected(&state), "@bob:home.example");
}

#[test]
fn a_reload_keeps_the_selected_row() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "jj");
    let Some(Effect::Load(Load::Users { ticket, .. })) = type_keys(&mut state, "r").pop() else { panic!("a reload") };
    let mut items = users();
    items.insert(0, user("aaron"));
    answer(&mut state, Loaded::Users { page: Page { items, ..Page::default() }, ticket });
    assert_eq!(selected(&state), "@carol:home.example");
}

#[test]
fn a_server_that_returns_after_an_outage() {
    let mut state = sample_state_at(Screen::Users);
    update(&mut state, Message::LoadFailed(Load::Status, down()));
    assert!(matches!(state.link, Link::Down(_)));
    let asked: Vec<_> = (0..4).flat_map(|_| update(&mut state, Message::Tick)).collect();
    assert_eq!(asked, [Effect::Load(Load::Status)], "one request, for the status only");
    assert_eq!(state.users.len(), 5, "loaded rows stay visible");
    let back = answer(&mut state, Loaded::Status(Box::new(status())));
    assert_eq!(state.link, Link::Up);
    assert!(matches!(&back[..], [Effect::Load(Load::Users { .. })]), "the screen reloads: {back:?}");
}

#[test]
fn an_unchanged_state_needs_no_redraw() {
    let mut state = sample_state();
    state.dirty = false;
    update(&mut state, Message::Tick);
    answer(&mut state, Loaded::Status(Box::new(status())));
    answer(&mut state, Loaded::Jobs(Vec::new()));
    assert!(!state.dirty);
    press(&mut state, KeyCode::F(12));
    let mut busier = status();
    busier.events += 1;
    state.dirty = false;
    answer(&mut state, Loaded::Status(Box::new(busier)));
    assert!(state.dirty);
}

#[test]
fn the_first_request_is_the_status() {
    let mut state = State::new(SETTINGS, (80, 24));
    assert_eq!(begin(&mut state), [Effect::Load(Load::Status)]);
    assert!(begin(&mut state).is_empty());
}

#[test]
fn the_log_follows_pauses_and_changes_level() {
    let mut state = sample_state_at(Screen::Log);
    assert_eq!(state.log.list.position(), 2, "at the end");
    let again = answer(&mut state, Loaded::Log { page: LogPage { entries: Vec::new(), next: 104 }, ticket: 2 });
    let [Effect::Load(Load::Log { query, ticket })] = &again[..] else { panic!("the next wait, not {again:?}") };
    assert_eq!((query.after, query.level), (Some(104), Some(LogLevel::Info)));
    assert!(query.wait_ms.is_some());

    type_keys(&mut state, "p");
    answer(&mut state, Loaded::Log { page: LogPage { entries: log(), next: 110 }, ticket: *ticket });
    assert_eq!(state.log.list.len(), 3, "nothing moves while paused");
    let on = type_keys(&mut state, "p");
    assert!(matches!(&on[..], [Effect::Load(Load::Log { query, .. })] if query.after == Some(104)), "{on:?}");

    let level = type_keys(&mut state, "v");
    assert!(
        matches!(&level[..], [Effect::Load(Load::Log { query, .. })]
            if query.level == Some(LogLevel::Debug) && query.after.is_none() && query.wait_ms.is_none()),
        "{level:?}"
    );
    type_keys(&mut state, "1");
    assert!(answer(&mut state, Loaded::Log { page: LogPage::default(), ticket: 4 }).is_empty(), "the screen is closed");
}

#[test]
fn the_cursor_in_the_log_stays_when_not_at_the_end() {
    let mut state = sample_state_at(Screen::Log);
    type_keys(&mut state, "g");
    let mut entries = log();
    entries.iter_mut().for_each(|entry| entry.seq += 100);
    answer(&mut state, Loaded::Log { page: LogPage { entries, next: 204 }, ticket: 2 });
    assert_eq!(state.log.list.len(), 6);
    assert_eq!(state.log.list.selected().map(|entry| entry.seq), Some(101));
}

#[test]
fn copying_takes_the_whole_id() {
    let mut state = sample_state_at(Screen::Rooms);
    assert_eq!(type_keys(&mut state, "y"), [Effect::Copy("!ghi:hostile.example".into())]);
    let mut state = State::new(SETTINGS, (80, 24));
    assert!(type_keys(&mut state, "y").is_empty());
}
