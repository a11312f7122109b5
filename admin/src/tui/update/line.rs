//! The input line at the bottom: a filter that applies while typing, or a command.

use crate::tui::command::{self, Command};
use crate::tui::keys::EditKey;
use crate::tui::message::Effect;
use crate::tui::state::{Input, Line, LineKind, Overlay, Screen, State};
use crate::tui::strings;
use crate::wire::LogLevel;

use super::{actions, calls, load, navigation};

/// Opens the filter line with the current filter.
pub(super) fn open_filter(state: &mut State) {
    if state.list().is_none() {
        state.notify_error(strings::NOTHING_TO_FILTER);
        return;
    }
    let before = navigation::filter(state).to_owned();
    state.detail = None;
    state.line = Some(Line { input: Input::new(&before), kind: LineKind::Filter { before } });
}

/// Handles a key.
pub(super) fn press(state: &mut State, edit_key: EditKey) -> Vec<Effect> {
    let Some(line) = &mut state.line else { return Vec::new() };
    match edit_key {
        EditKey::Insert(c) => line.input.push_str(c.encode_utf8(&mut [0; 4])),
        EditKey::Backspace => {
            if !line.input.backspace() {
                return cancel(state);
            }
        }
        EditKey::DeleteWord => line.input.delete_word(),
        EditKey::Clear => line.input.clear(),
        EditKey::Next | EditKey::Previous => {
            if line.kind == LineKind::Command
                && let Some(completed) = command::complete(line.input.as_str())
            {
                line.input = Input::new(&completed);
            }
        }
        EditKey::Accept => return accept(state),
        EditKey::Cancel => return cancel(state),
    }
    apply_filter(state);
    Vec::new()
}

/// Handles pasted text.
pub(super) fn paste(state: &mut State, text: &str) {
    if let Some(line) = &mut state.line {
        line.input.push_str(text);
    }
    apply_filter(state);
}

fn apply_filter(state: &mut State) {
    if let Some(Line { kind: LineKind::Filter { .. }, input }) = &state.line {
        let text = input.as_str().to_owned();
        navigation::set_filter(state, &text);
    }
}

fn cancel(state: &mut State) -> Vec<Effect> {
    if let Some(Line { kind: LineKind::Filter { before }, .. }) = state.line.take() {
        navigation::set_filter(state, &before);
    }
    Vec::new()
}

fn accept(state: &mut State) -> Vec<Effect> {
    let Some(line) = state.line.take() else { return Vec::new() };
    let text = line.input.as_str();
    match line.kind {
        LineKind::Filter { .. } => filter(state, text),
        LineKind::Command if text.trim().is_empty() => Vec::new(),
        LineKind::Command => match command::parse(text) {
            Some(command) => execute(state, command),
            None => {
                state.notify_error(strings::UNKNOWN_COMMAND);
                Vec::new()
            }
        },
    }
}

fn filter(state: &mut State, text: &str) -> Vec<Effect> {
    if navigation::set_filter(state, text) { load::screen(state) } else { Vec::new() }
}

fn execute(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Go(screen) => navigation::go(state, screen),
        Command::User(id) => navigation::open_user(state, id),
        Command::Room(id) => navigation::open_room(state, id),
        Command::Server(name) => navigation::open_server(state, name),
        Command::TestCalls => {
            let mut effects = navigation::go(state, Screen::Calls);
            effects.extend(calls::test(state));
            effects
        }
        Command::NewUser => {
            let mut effects = navigation::go(state, Screen::Users);
            effects.extend(actions::open_new(state));
            effects
        }
        Command::NewToken => {
            let mut effects = navigation::go(state, Screen::Tokens);
            effects.extend(actions::open_new(state));
            effects
        }
        Command::Filter(text) => filter(state, &text),
        Command::Level(name) => set_level(state, &name),
        Command::Sort(number) => {
            sort_by(state, &number);
            load::rest(state).into_iter().collect()
        }
        Command::Refresh => load::screen(state),
        Command::Help => {
            state.overlay = Some(commands());
            Vec::new()
        }
        Command::Quit => {
            state.quit = true;
            Vec::new()
        }
    }
}

fn set_level(state: &mut State, name: &str) -> Vec<Effect> {
    let Some(level) = LogLevel::ALL.into_iter().find(|level| level.as_str() == name) else {
        state.notify_error(strings::UNKNOWN_LEVEL);
        return Vec::new();
    };
    state.log.set_level(level);
    if state.screen == Screen::Log { load::screen(state) } else { navigation::go(state, Screen::Log) }
}

fn sort_by(state: &mut State, number: &str) {
    let column = number.parse::<usize>().unwrap_or(1).saturating_sub(1);
    if let Some(list) = state.list_mut() {
        list.sort_by(column);
    }
}

fn commands() -> Overlay {
    let line =
        |(name, argument, meaning): (&str, &str, &str)| format!(":{:<20} {meaning}", format!("{name} {argument}"));
    Overlay::Info {
        title: strings::COMMANDS_TITLE.to_owned(),
        lines: command::COMMANDS.into_iter().map(line).collect(),
        scroll: 0,
        copy: String::new(),
    }
}
