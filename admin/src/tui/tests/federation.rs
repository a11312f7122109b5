//! The federation screen.

use crossterm::event::KeyCode;

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::tui::message::{Change, Effect, Load, Loaded, Message, Outcome};
use crate::tui::state::{List, Screen, State};
use crate::tui::update::update;
use crate::wire::{Destination, Page};

fn names(state: &State) -> Vec<&str> {
    let rows = (0..state.servers.len()).filter_map(|place| state.servers.get(place));
    rows.map(|server| server.server_name.split('.').next().unwrap_or_default()).collect()
}

fn five_seconds(state: &mut State) -> Vec<Effect> {
    (0..5).flat_map(|_| update(state, Message::Tick)).collect()
}

#[test]
fn detail_of_a_server() {
    let mut state = sample_state_at(Screen::Federation);
    type_keys(&mut state, "G");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(effects, [Effect::Load(Load::Server("slow.a-very-long-name.example:8448".into()))]);
    serve(&mut state, effects);
    insta::assert_snapshot!("server_away", shown(&mut state, 80, 24));
    insta::assert_snapshot!("server_away_60x20", shown(&mut state, 60, 20));
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, ":server quick.example");
    let effects = press(&mut state, KeyCode::Enter);
    serve(&mut state, effects);
    insta::assert_snapshot!("server_reached", shown(&mut state, 80, 24));
}

#[test]
fn retrying_a_server() {
    let mut state = sample_state_at(Screen::Federation);
    let retry = Change::RetryServer("dead.example".into());
    for keys in ["t", "at"] {
        assert_eq!(type_keys(&mut state, keys), [Effect::Change(retry.clone())], "{keys}: nothing to ask first");
    }
    let [dead, ..] = &servers()[..] else { unreachable!("the list is not empty") };
    let tried = Destination { sending: true, ..dead.clone() };
    update(&mut state, Message::Changed(retry.clone(), Ok(Outcome::Server(Box::new(tried)))));
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("Retrying dead.example.") && text.contains("trying"), "{text}");

    let effects = press(&mut state, KeyCode::Enter);
    serve(&mut state, effects);
    assert_eq!(type_keys(&mut state, "t"), [Effect::Change(retry.clone())], "also in the detail view");
    let refusal =
        ClientError { kind: ErrorKind::Refused("x".into()), what: "Not allowed.".into(), remedy: String::new() };
    update(&mut state, Message::Changed(retry, Err(refusal)));
    assert!(shown(&mut state, 80, 24).contains("Not allowed."));
    state.settings.readonly = true;
    assert!(type_keys(&mut state, "t").is_empty());
}

#[test]
fn sorting_by_state_puts_unreachable_servers_first() {
    let mut state = sample_state_at(Screen::Federation);
    assert_eq!(names(&state), ["dead", "matrix", "quick", "slow"]);
    type_keys(&mut state, "s");
    assert_eq!(names(&state), ["dead", "slow", "matrix", "quick"], "the longest unreachable first");
    type_keys(&mut state, "sss");
    assert_eq!(names(&state), ["slow", "dead", "matrix", "quick"], "by the next attempt");
    type_keys(&mut state, "/no answer");
    assert_eq!(names(&state), ["slow"], "reasons are searched too");
}

#[test]
fn the_list_is_polled_while_the_screen_is_open() {
    let mut state = sample_state_at(Screen::Federation);
    let asked = five_seconds(&mut state);
    assert!(matches!(&asked[2..], [Effect::Load(Load::Servers { query, .. })] if query.from.is_none()), "{asked:?}");
    let twice = five_seconds(&mut state);
    assert!(
        !twice.iter().any(|effect| matches!(effect, Effect::Load(Load::Servers { .. }))),
        "at most one request is pending"
    );
    serve(&mut state, asked);
    type_keys(&mut state, "2");
    let other = five_seconds(&mut state);
    assert!(!other.iter().any(|effect| matches!(effect, Effect::Load(Load::Servers { .. }))), "the screen is closed");
}

#[test]
fn of_many_servers_only_the_selected_one_is_polled() {
    let mut state = sample_state();
    let Some(Effect::Load(Load::Servers { ticket, .. })) = type_keys(&mut state, "6").pop() else {
        panic!("the servers are loaded")
    };
    let page = Page { items: servers(), next: Some("t".into()), total: None };
    answer(&mut state, Loaded::Servers { page, ticket });
    assert_eq!(five_seconds(&mut state)[2..], [Effect::Load(Load::Server("dead.example".into()))]);
    let [dead, ..] = &servers()[..] else { unreachable!("the list is not empty") };
    let back = Destination { reachable: true, ..dead.clone() };
    answer(&mut state, Loaded::Server(Box::new(back)));
    assert!(state.servers.get(0).is_some_and(|server| server.reachable));
    assert_eq!(state.servers.loaded_rows(), 4);
    let more = type_keys(&mut state, "G");
    assert!(matches!(&more[..], [Effect::Load(Load::Servers { query, .. })] if query.from.as_deref() == Some("t")));
}

#[test]
fn other_sort_orders_load_all_pages() {
    let mut state = sample_state();
    let Some(Effect::Load(Load::Servers { ticket, .. })) = type_keys(&mut state, "6").pop() else {
        panic!("the servers are loaded")
    };
    let page = |next: Option<&str>| Page { items: servers(), next: next.map(Into::into), total: None };
    assert!(
        answer(&mut state, Loaded::Servers { page: page(Some("a")), ticket }).is_empty(),
        "the server's order is by name"
    );
    assert!(shown(&mut state, 80, 24).contains("4 rows, and more on the server"));
    let mut asked = type_keys(&mut state, "s");
    for token in ["a", "b"] {
        let [Effect::Load(Load::Servers { query, ticket })] = &asked[..] else { panic!("a page, not {asked:?}") };
        assert_eq!(query.from.as_deref(), Some(token));
        let next = if token == "a" { Some("b") } else { None };
        asked = answer(&mut state, Loaded::Servers { page: page(next), ticket: *ticket });
    }
    assert!(asked.is_empty(), "no further page");
    assert_eq!(state.servers.loaded_rows(), 12);
}

#[test]
fn a_server_without_queued_events_is_not_retried() {
    let mut state = sample_state_at(Screen::Federation);
    let [dead, ..] = &servers()[..] else { unreachable!("the list is not empty") };
    let idle = Destination { queued_events: 0, queued_edus: 0, ..dead.clone() };
    let retry = Change::RetryServer("dead.example".into());
    update(&mut state, Message::Changed(retry, Ok(Outcome::Server(Box::new(idle)))));
    assert!(shown(&mut state, 80, 24).contains("Nothing is queued for dead.example."));
    state.servers.select(0);
    let effects = press(&mut state, KeyCode::Enter);
    let Some(Effect::Load(Load::Server(_))) = effects.first() else { panic!("{effects:?}") };
}

#[test]
fn an_unknown_server_is_not_opened() {
    let mut state = sample_state();
    type_keys(&mut state, ":server nobody.example");
    press(&mut state, KeyCode::Enter);
    let refusal = ClientError { kind: ErrorKind::Refused("x".into()), what: "Unknown.".into(), remedy: String::new() };
    update(&mut state, Message::LoadFailed(Load::Server("nobody.example".into()), refusal));
    assert!(state.detail.is_none());
    assert!(shown(&mut state, 80, 24).contains("Unknown."));
}
