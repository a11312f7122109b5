//! The input line at the bottom: a filter that applies while typing, or a command.

use crate::tui::command::{self, Command};
use crate::tui::keys::EditKey;
use crate::tui::parts::{Info, Input, Overlay};
use crate::tui::screen::{CommandRow, Event};
use crate::tui::state::{Line, LineKind, State};
use crate::tui::strings;

use super::{handle, handle_by, navigation};

/// Opens the filter line with the current filter.
pub(super) fn open_filter(state: &mut State) {
    let Some(before) = state.screen().panes().list.map(|list| list.filter().to_owned()) else {
        return state.shared.notify_error(strings::NOTHING_TO_FILTER);
    };
    navigation::close(state);
    state.shared.line = Some(Line { input: Input::new(&before), kind: LineKind::Filter { before } });
}

/// Handles a key.
pub(super) fn press(state: &mut State, edit_key: EditKey) {
    let Some(line) = &mut state.shared.line else { return };
    match edit_key {
        EditKey::Insert(c) => line.input.push_str(c.encode_utf8(&mut [0; 4])),
        EditKey::Backspace => {
            if !line.input.backspace() {
                return cancel(state);
            }
        }
        EditKey::DeleteWord => line.input.delete_word(),
        EditKey::Clear => line.input.clear(),
        EditKey::Next | EditKey::Previous => complete(state),
        EditKey::Accept => return accept(state),
        EditKey::Cancel => return cancel(state),
    }
    apply_filter(state);
}

/// Handles pasted text.
pub(super) fn paste(state: &mut State, text: &str) {
    if let Some(line) = &mut state.shared.line {
        line.input.push_str(text);
    }
    apply_filter(state);
}

fn run(state: &mut State, text: &str) {
    match command::parse(state, text) {
        Some(command) => execute(state, command),
        None => state.shared.notify_error(strings::UNKNOWN_COMMAND),
    }
}

fn complete(state: &mut State) {
    let Some(Line { kind: LineKind::Command, input }) = &state.shared.line else { return };
    let completed = command::complete(state, input.as_str());
    if let (Some(completed), Some(line)) = (completed, &mut state.shared.line) {
        line.input = Input::new(&completed);
    }
}

fn apply_filter(state: &mut State) {
    if let Some(Line { kind: LineKind::Filter { .. }, input }) = &state.shared.line {
        let text = input.as_str().to_owned();
        navigation::set_filter(state, &text);
    }
}

fn cancel(state: &mut State) {
    if let Some(Line { kind: LineKind::Filter { before }, .. }) = state.shared.line.take() {
        navigation::set_filter(state, &before);
    }
}

fn accept(state: &mut State) {
    let Some(line) = state.shared.line.take() else { return };
    let text = line.input.as_str();
    match line.kind {
        LineKind::Filter { .. } => filter(state, text),
        LineKind::Command if text.trim().is_empty() => {}
        LineKind::Command => run(state, text),
    }
}

fn filter(state: &mut State, text: &str) {
    if navigation::set_filter(state, text) {
        handle(state, Event::Load);
    }
}

fn execute(state: &mut State, command: Command) {
    match command {
        Command::Screen(id, place, argument) => {
            navigation::go(state, id);
            handle_by(state, id, Event::Command(place, &argument));
        }
        Command::Filter(text) => filter(state, &text),
        Command::Sort(number) => {
            let column = number.parse::<usize>().unwrap_or(1).saturating_sub(1);
            navigation::sort(state, |list| list.sort_by(column));
        }
        Command::Refresh => handle(state, Event::Load),
        Command::Help => state.shared.overlay = Some(commands(state)),
        Command::Quit => state.shared.quit = true,
    }
}

fn commands(state: &State) -> Overlay {
    let line =
        |CommandRow { name, argument, help }: CommandRow| format!(":{:<20} {help}", format!("{name} {argument}"));
    let lines = command::rows(state).into_iter().map(line).collect();
    Overlay::Info(Info::new(strings::COMMANDS_TITLE, lines, ""))
}
