//! From a key to what it means: first the overlay, then the line being typed, then the screen.

use crossterm::event::KeyEvent;

use crate::tui::keys::{self, Action};
use crate::tui::message::Effect;
use crate::tui::state::{Input, Line, LineKind, MenuItem, Overlay, Screen, State};
use crate::tui::strings;

use super::{act, calls, line, load, moves, overlay};

/// Takes a key.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    if state.overlay.is_some() {
        return overlay::press(state, key);
    }
    if state.line.is_some() {
        return keys::typing(key).map_or_else(Vec::new, |typing| line::press(state, typing));
    }
    keys::action(state.screen, key).map_or_else(Vec::new, |action| perform(state, action))
}

/// Takes pasted text: only where text is typed.
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
            moves::step(state, action);
            load::more(state).into_iter().collect()
        }
        Action::Left | Action::PreviousPane => moves::turn(state, -1, action == Action::PreviousPane),
        Action::Right | Action::NextPane => moves::turn(state, 1, action == Action::NextPane),
        Action::Open => moves::open(state),
        Action::Back => moves::back(state),
        Action::Go(screen) => moves::go(state, screen),
        Action::Command => {
            state.line = Some(Line { kind: LineKind::Command, input: Input::default() });
            Vec::new()
        }
        Action::Filter => {
            line::open_filter(state);
            Vec::new()
        }
        Action::Sort | Action::Reverse => {
            moves::sort(state, action == Action::Reverse);
            load::rest(state).into_iter().collect()
        }
        Action::Menu => act::open_menu(state),
        Action::New => act::open_new(state),
        Action::Revoke => act::ask_revoke(state),
        Action::Retry => act::begin(state, MenuItem::RetryServer),
        Action::Test => act::begin(state, MenuItem::TestCalls),
        Action::Disconnect => act::begin(state, calls::disconnect_item(state)),
        Action::Undo => act::undo(state),
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

/// Copies the id of what is opened or selected.
fn copy(state: &mut State) -> Vec<Effect> {
    let text = match (&state.detail, state.list()) {
        (Some(detail), _) => detail.copied(),
        (None, Some(list)) => list.selected_text(),
        (None, None) if state.screen == Screen::Dashboard => {
            moves::problem(state).map(|problem| format!("{} {}", problem.what, problem.remedy))
        }
        (None, None) => None,
    };
    match text {
        Some(text) => {
            state.say(strings::COPIED);
            vec![Effect::Copy(text)]
        }
        None => {
            state.complain(strings::NOTHING_TO_COPY);
            Vec::new()
        }
    }
}
