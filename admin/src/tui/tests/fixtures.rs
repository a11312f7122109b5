//! A dashboard with sample data, and helpers that press keys and answer requests.
//!
//! The data are the samples of the screens, by request. So a new screen needs nothing here.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde::Serialize;
use serde_json::Value;

use crate::client::{ClientError, ErrorKind};
use crate::tui::request::Call;
use crate::tui::screen::{Screen, ScreenId, Slot};
use crate::tui::state::{Effect, Settings, State};
use crate::tui::update::{Message, begin, update};
use crate::tui::view::view;
use crate::wire::Status;

/// The server's clock in every sample: 2026-08-22 12:00 UTC.
pub(crate) const NOW_MS: u64 = 1_787_400_000_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

pub(crate) const SETTINGS: Settings = Settings { color: false, ascii: false, readonly: false };

/// A dashboard after its first responses.
pub(crate) fn sample_state() -> State {
    let mut state = State::new(SETTINGS, (80, 24));
    let sample = sample(&state, "GET /api/v1/status").expect("the first screen has the status");
    let status: Status = serde_json::from_value(sample).expect("a status");
    // Counters that end at the sample's values, with rising activity.
    for before in (0..30).rev() {
        let mut status = status.clone();
        status.now_ms -= before * 5_000;
        status.events -= before * (before + 3);
        status.commits -= before * 4 + before % 3;
        report(&mut state, &status);
    }
    state
}

/// The sample dashboard on a loaded screen.
pub(crate) fn sample_state_at(name: &str) -> State {
    let mut state = sample_state();
    let effects = go(&mut state, name);
    serve(&mut state, effects);
    state
}

/// Shows a screen by its command.
pub(crate) fn go(state: &mut State, name: &str) -> Vec<Effect> {
    let screen = state.screens.iter().find(|screen| screen.name() == name).expect("a screen of this name");
    let command = screen.commands()[0].name;
    run(state, command)
}

/// Executes a command.
pub(crate) fn run(state: &mut State, command: &str) -> Vec<Effect> {
    type_keys(state, ":");
    type_keys(state, command);
    press(state, KeyCode::Enter)
}

/// The names of all screens.
pub(crate) fn names() -> Vec<&'static str> {
    State::new(SETTINGS, (80, 24)).screens.iter().map(|screen| screen.name()).collect()
}

/// The state of a screen.
pub(crate) fn screen<S: Screen>(state: &State) -> &S {
    let slots = state.screens.iter().map(|screen| -> &dyn std::any::Any { &**screen });
    &slots.into_iter().find_map(|slot| slot.downcast_ref::<Slot<S>>()).expect("a screen of this type").screen
}

/// The state of a screen, to change it.
pub(crate) fn screen_mut<S: Screen>(state: &mut State) -> &mut S {
    let slots = state.screens.iter_mut().map(|screen| -> &mut dyn std::any::Any { &mut **screen });
    &mut slots.into_iter().find_map(|slot| slot.downcast_mut::<Slot<S>>()).expect("a screen of this type").screen
}

/// Keys of the visible rows, in order.
pub(crate) fn keys(state: &State) -> Vec<String> {
    state.screen().panes().list.expect("a list").keys()
}

/// The key of the selected row.
pub(crate) fn selected(state: &State) -> String {
    state.screen().panes().list.and_then(|list| list.selected_key()).unwrap_or_default()
}

fn sample(state: &State, request: &str) -> Option<Value> {
    state.screens.iter().find_map(|screen| screen.sample(request))
}

/// Method, path and body of the requests among the effects.
pub(crate) fn sent(effects: &[Effect]) -> Vec<String> {
    let text = |effect: &Effect| match effect {
        Effect::Send(call) => Some(call.text()),
        _ => None,
    };
    effects.iter().filter_map(text).collect()
}

/// The texts for the clipboard among the effects.
pub(crate) fn copied(effects: &[Effect]) -> Vec<&str> {
    fn text(effect: &Effect) -> Option<&str> {
        if let Effect::Copy(text) = effect { Some(text) } else { None }
    }
    effects.iter().filter_map(text).collect()
}

/// Answers the requests among the effects with sample data.
pub(crate) fn serve(state: &mut State, effects: Vec<Effect>) {
    serve_with(state, effects, |value| value);
}

/// The same, with changed data.
pub(crate) fn serve_with(state: &mut State, effects: Vec<Effect>, change: impl Fn(Value) -> Value) {
    for effect in effects {
        let Effect::Send(call) = effect else { continue };
        let value = sample(state, &call.text()).unwrap_or_else(|| panic!("no sample for {}", call.text()));
        give(state, call, Ok(change(value)));
    }
}

/// Answers the request among the effects that begins like this.
pub(crate) fn answer(state: &mut State, effects: Vec<Effect>, request: &str, value: impl Serialize) -> Vec<Effect> {
    let call = find(effects, request);
    give(state, call, Ok(serde_json::to_value(value).expect("JSON")))
}

/// Lets the request among the effects that begins like this fail.
pub(crate) fn fail(state: &mut State, effects: Vec<Effect>, request: &str, error: ClientError) -> Vec<Effect> {
    let call = find(effects, request);
    give(state, call, Err(error))
}

/// Reloads the screen, and answers the request that begins like this.
pub(crate) fn reload(state: &mut State, request: &str, value: impl Serialize) -> Vec<Effect> {
    let effects = type_keys(state, "r");
    answer(state, effects, request, value)
}

/// A status report arrives.
pub(crate) fn report(state: &mut State, status: &Status) -> Vec<Effect> {
    let effects = begin(state);
    answer(state, effects, "GET /api/v1/status", status)
}

fn find(effects: Vec<Effect>, request: &str) -> Call {
    let texts = sent(&effects);
    let call = effects.into_iter().find_map(|effect| match effect {
        Effect::Send(call) if call.text().starts_with(request) => Some(call),
        _ => None,
    });
    call.unwrap_or_else(|| panic!("{request} is not among {texts:?}"))
}

fn give(state: &mut State, call: Call, answer: Result<Value, ClientError>) -> Vec<Effect> {
    let answer = call.answered(answer.map(|value| value.to_string().into_bytes()));
    update(state, Message::Answered(answer))
}

/// An error that means that the server cannot be reached.
pub(crate) fn down() -> ClientError {
    ClientError { kind: ErrorKind::NotRunning, what: "Gone.".into(), remedy: "Start it.".into() }
}

/// An error of the server.
pub(crate) fn refusal(what: &str, remedy: &str) -> ClientError {
    ClientError { kind: ErrorKind::Refused("x".into()), what: what.into(), remedy: remedy.into() }
}

pub(crate) fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    update(state, Message::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Presses keys in sequence and collects the effects.
pub(crate) fn type_keys(state: &mut State, keys: &str) -> Vec<Effect> {
    keys.chars().flat_map(|c| press(state, KeyCode::Char(c))).collect()
}

/// Lets seconds pass and collects the effects.
pub(crate) fn seconds(state: &mut State, count: usize) -> Vec<Effect> {
    (0..count).flat_map(|_| update(state, Message::Tick)).collect()
}

/// The text on a terminal of this size. The first line has only the tab of the shown screen, so that a new screen does
/// not change the snapshots of the others.
pub(crate) fn shown(state: &mut State, columns: u16, rows: u16) -> String {
    update(state, Message::Resize(columns, rows));
    let whole = drawn(state, columns, rows);
    let place = state.shown.index();
    let others = state.screens.split_off(place + 1);
    let before = state.screens.drain(..place).collect::<Vec<_>>();
    state.shown = ScreenId::FIRST;
    let alone = drawn(state, columns, rows);
    state.shown = ScreenId::new(place);
    state.screens.splice(..0, before);
    state.screens.extend(others);
    alone.lines().take(1).chain(whole.lines().skip(1)).flat_map(|line| [line, "\n"]).collect()
}

fn drawn(state: &State, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a test backend");
    terminal.draw(|frame| view(state, frame)).expect("a test backend never fails");
    terminal.backend().to_string()
}
