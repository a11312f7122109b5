//! The line at the bottom: a filter that works while it is typed, or a command.

use crate::tui::command::{self, Command};
use crate::tui::keys::Typing;
use crate::tui::message::Effect;
use crate::tui::state::{Input, Line, LineKind, Overlay, Screen, State};
use crate::tui::strings;
use crate::wire::LogLevel;

use super::{act, calls, load, moves};

/// Begins a filter with the one that is set.
pub(super) fn open_filter(state: &mut State) {
    if state.list().is_none() {
        state.complain(strings::NOTHING_TO_FILTER);
        return;
    }
    let before = moves::filter(state).to_owned();
    state.detail = None;
    state.line = Some(Line { input: Input::new(&before), kind: LineKind::Filter { before } });
}

/// Takes a key.
pub(super) fn press(state: &mut State, typing: Typing) -> Vec<Effect> {
    let Some(line) = &mut state.line else { return Vec::new() };
    match typing {
        Typing::Insert(c) => line.input.push_str(c.encode_utf8(&mut [0; 4])),
        Typing::Backspace => {
            if !line.input.backspace() {
                return cancel(state);
            }
        }
        Typing::DeleteWord => line.input.delete_word(),
        Typing::Clear => line.input.clear(),
        Typing::Next | Typing::Previous => {
            if line.kind == LineKind::Command
                && let Some(completed) = command::complete(line.input.as_str())
            {
                line.input = Input::new(&completed);
            }
        }
        Typing::Accept => return accept(state),
        Typing::Cancel => return cancel(state),
    }
    apply_filter(state);
    Vec::new()
}

/// Takes pasted text.
pub(super) fn paste(state: &mut State, text: &str) {
    if let Some(line) = &mut state.line {
        line.input.push_str(text);
    }
    apply_filter(state);
}

fn apply_filter(state: &mut State) {
    if let Some(Line { kind: LineKind::Filter { .. }, input }) = &state.line {
        let text = input.as_str().to_owned();
        moves::set_filter(state, &text);
    }
}

fn cancel(state: &mut State) -> Vec<Effect> {
    if let Some(Line { kind: LineKind::Filter { before }, .. }) = state.line.take() {
        moves::set_filter(state, &before);
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
            Some(command) => obey(state, command),
            None => {
                state.complain(strings::UNKNOWN_COMMAND);
                Vec::new()
            }
        },
    }
}

fn filter(state: &mut State, text: &str) -> Vec<Effect> {
    if moves::set_filter(state, text) { load::screen(state) } else { Vec::new() }
}

fn obey(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Go(screen) => moves::go(state, screen),
        Command::User(id) => moves::open_user(state, id),
        Command::Room(id) => moves::open_room(state, id),
        Command::Server(name) => moves::open_server(state, name),
        Command::TestCalls => {
            let mut effects = moves::go(state, Screen::Calls);
            effects.extend(calls::test(state));
            effects
        }
        Command::NewUser => {
            let mut effects = moves::go(state, Screen::Users);
            effects.extend(act::open_new(state));
            effects
        }
        Command::NewToken => {
            let mut effects = moves::go(state, Screen::Tokens);
            effects.extend(act::open_new(state));
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
        state.complain(strings::UNKNOWN_LEVEL);
        return Vec::new();
    };
    state.log.set_level(level);
    if state.screen == Screen::Log { load::screen(state) } else { moves::go(state, Screen::Log) }
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
