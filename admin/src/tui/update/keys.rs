//! Dispatches keys: to the overlay if one is open, else to the input line, else to the screen.

use crossterm::event::KeyEvent;

use crate::tui::keys::{self, KeyAction, OverlayKey};
use crate::tui::parts::{Input, Overlay};
use crate::tui::screen::{Event, ScreenId};
use crate::tui::state::{Effect, Line, LineKind, State};
use crate::tui::strings;

use super::{handle, line, navigation, overlay};

/// Handles a key.
pub(super) fn press(state: &mut State, key: KeyEvent) {
    if state.shared.overlay.is_some() {
        // A dialog that is not drawn can only be closed: Enter must not accept what is not visible.
        if state.shared.is_drawn() || keys::overlay_key(key) == Some(OverlayKey::Cancel) {
            overlay::press(state, key);
        }
    } else if state.shared.line.is_some() {
        if let Some(edit_key) = keys::edit_key(key) {
            line::press(state, edit_key);
        }
    } else if let Some(action) = keys::action(state.screen(), key) {
        perform(state, action);
    }
}

/// Handles pasted text. Ignored unless a text field is active.
pub(super) fn paste(state: &mut State, text: &str) {
    if let Some(overlay) = &mut state.shared.overlay {
        overlay::paste(overlay, text);
    } else if state.shared.line.is_some() {
        line::paste(state, text);
    }
}

fn perform(state: &mut State, action: KeyAction) {
    match action {
        KeyAction::Step(step) => navigation::step(state, step),
        KeyAction::Left | KeyAction::PreviousPane => navigation::turn(state, -1, action == KeyAction::PreviousPane),
        KeyAction::Right | KeyAction::NextPane => navigation::turn(state, 1, action == KeyAction::NextPane),
        KeyAction::Open => navigation::open(state),
        KeyAction::Back => navigation::back(state),
        KeyAction::Go(place) if place < state.screens.len() => navigation::go(state, ScreenId::new(place)),
        KeyAction::Go(_) => {}
        KeyAction::Menu => open_menu(state),
        KeyAction::Act(place) => handle(state, Event::Act(place)),
        KeyAction::Undo => undo(state),
        KeyAction::Filter => line::open_filter(state),
        KeyAction::Sort => navigation::sort(state, |list| list.sort_next()),
        KeyAction::Reverse => navigation::sort(state, |list| list.reverse()),
        KeyAction::Copy => copy(state),
        KeyAction::Command => {
            state.shared.line = Some(Line { kind: LineKind::Command, input: Input::default() });
        }
        KeyAction::Refresh => handle(state, Event::Load),
        KeyAction::Repaint => state.shared.effects.push(Effect::Repaint),
        KeyAction::Help => state.shared.overlay = Some(Overlay::Help { scroll: 0 }),
        KeyAction::Quit => state.shared.quit = true,
    }
}

fn open_menu(state: &mut State) {
    match state.screen().menu().filter(|menu| !menu.items.is_empty()) {
        Some(menu) => state.shared.overlay = Some(Overlay::Menu(menu)),
        None => state.shared.notify_error(strings::NOTHING_SELECTED),
    }
}

/// Undoes the last change, while that is offered.
fn undo(state: &mut State) {
    match state.shared.undo.take() {
        Some(undo) => state.shared.change(undo.change),
        None => state.shared.notify_error(strings::NOTHING_TO_UNDO),
    }
}

/// Copies the id of the opened or selected item.
fn copy(state: &mut State) {
    let panes = state.screen().panes();
    let text = match (panes.opened(), panes.list) {
        (Some(detail), _) => detail.copied(),
        (None, Some(list)) => list.selected_text(),
        (None, None) => state.screen().copied(&state.shared),
    };
    match text {
        Some(text) => {
            state.shared.notify(strings::COPIED);
            state.shared.effects.push(Effect::Copy(text));
        }
        None => state.shared.notify_error(strings::NOTHING_TO_COPY),
    }
}
