//! Dispatches keys: to the overlay if one is open, else to the input line, else to the screen.

use crossterm::event::KeyEvent;

use crate::tui::keys::{self, Action};
use crate::tui::message::Effect;
use crate::tui::state::{Input, Line, LineKind, MenuItem, Overlay, Screen, State};
use crate::tui::strings;

use super::{actions, calls, line, load, navigation, overlay};

/// Handles a key.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    if state.overlay.is_some() {
        return overlay::press(state, key);
    }
    if state.line.is_some() {
        return keys::edit_key(key).map_or_else(Vec::new, |edit_key| line::press(state, edit_key));
    }
    keys::action(state.screen, key).map_or_else(Vec::new, |action| perform(state, action))
}

/// Handles pasted text. Ignored unless a text field is active.
pub(super) fn paste(state: &mut State, text: &str) {
    if let Some(overlay) = &mut state.overlay {
        overlay::paste(overlay, text);
    } else if state.line.is_some() {
        line::paste(state, text);
    }
}

fn perform(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::First | Action::Last => {
            navigation::step(state, action);
            load::more(state).into_iter().collect()
        }
        Action::Left | Action::PreviousPane => navigation::turn(state, -1, action == Action::PreviousPane),
        Action::Right | Action::NextPane => navigation::turn(state, 1, action == Action::NextPane),
        Action::Open => navigation::open(state),
        Action::Back => navigation::back(state),
        Action::Go(screen) => navigation::go(state, screen),
        Action::Command => {
            state.line = Some(Line { kind: LineKind::Command, input: Input::default() });
            Vec::new()
        }
        Action::Filter => {
            line::open_filter(state);
            Vec::new()
        }
        Action::Sort | Action::Reverse => {
            navigation::sort(state, action == Action::Reverse);
            load::rest(state).into_iter().collect()
        }
        Action::Menu => actions::open_menu(state),
        Action::New => actions::open_new(state),
        Action::Revoke => actions::ask_revoke(state),
        Action::Retry => actions::begin(state, MenuItem::RetryServer),
        Action::Test => actions::begin(state, MenuItem::TestCalls),
        Action::Disconnect => actions::begin(state, calls::disconnect_item(state)),
        Action::Undo => actions::undo(state),
        Action::Pause => {
            state.log.paused = !state.log.paused;
            load::log(state).into_iter().collect()
        }
        Action::Level => {
            state.log.next_level();
            load::log(state).into_iter().collect()
        }
        Action::Copy => copy(state),
        Action::Refresh => load::screen(state),
        Action::Repaint => vec![Effect::Repaint],
        Action::Help => {
            state.overlay = Some(Overlay::Help { scroll: 0 });
            Vec::new()
        }
        Action::Quit => {
            state.quit = true;
            Vec::new()
        }
    }
}

/// Copies the id of the opened or selected item.
fn copy(state: &mut State) -> Vec<Effect> {
    let text = match (&state.detail, state.list()) {
        (Some(detail), _) => detail.copied(),
        (None, Some(list)) => list.selected_text(),
        (None, None) if state.screen == Screen::Dashboard => {
            navigation::problem(state).map(|problem| format!("{} {}", problem.what, problem.remedy))
        }
        (None, None) => None,
    };
    match text {
        Some(text) => {
            state.notify(strings::COPIED);
            vec![Effect::Copy(text)]
        }
        None => {
            state.notify_error(strings::NOTHING_TO_COPY);
            Vec::new()
        }
    }
}
