//! Keys while an overlay is open. Esc closes it without a change.

use crossterm::event::KeyEvent;

use crate::tui::keys::{self, EditKey, OverlayKey};
use crate::tui::message::Effect;
use crate::tui::state::{Confirm, FieldValue, Form, Input, Menu, Overlay, State, TypedConfirm};
use crate::tui::strings;

use super::{actions, submit};

/// The result of a key.
enum Next {
    Stay(Overlay),
    Close,
    Begin(crate::tui::state::MenuItem),
    Change(crate::tui::message::Change),
    Copy(Overlay, String),
    Wrong,
}

/// Handles a key.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let Some(overlay) = state.overlay.take() else { return Vec::new() };
    let now_ms = state.now_ms();
    match turn(overlay, key, now_ms) {
        Next::Stay(overlay) => state.overlay = Some(overlay),
        Next::Close => {}
        Next::Begin(item) => return actions::begin(state, item),
        Next::Change(change) => return actions::change(state, change),
        Next::Copy(overlay, text) => {
            state.overlay = Some(overlay);
            state.notify(strings::COPIED);
            return vec![Effect::Copy(text)];
        }
        Next::Wrong => state.notify_error(strings::TYPED_WRONG),
    }
    Vec::new()
}

/// Handles pasted text, if the overlay has a text field.
pub(super) fn paste(overlay: &mut Overlay, text: &str) {
    match overlay {
        Overlay::TypedConfirm(typed) => typed.input.push_str(text),
        Overlay::Form(form) => {
            if let Some(FieldValue::Text(input)) = form.fields.get_mut(form.focus).map(|field| &mut field.value) {
                input.push_str(text);
            }
        }
        _ => {}
    }
}

fn turn(overlay: Overlay, key: KeyEvent, now_ms: u64) -> Next {
    match overlay {
        Overlay::TypedConfirm(typed) => in_typed(typed, key),
        Overlay::Form(form) => in_form(form, key, now_ms),
        other => match keys::overlay_key(key) {
            Some(OverlayKey::Cancel) => Next::Close,
            Some(overlay_key) => in_choice(other, overlay_key),
            None => Next::Stay(other),
        },
    }
}

fn in_choice(overlay: Overlay, overlay_key: OverlayKey) -> Next {
    match overlay {
        Overlay::Menu(menu) => in_menu(menu, overlay_key),
        Overlay::Confirm(confirm) => in_confirm(confirm, overlay_key),
        Overlay::Help { scroll } => match overlay_key {
            OverlayKey::Accept | OverlayKey::Letter('?' | 'q') => Next::Close,
            _ => Next::Stay(Overlay::Help { scroll: scrolled(scroll, overlay_key) }),
        },
        Overlay::Info { copy, title, lines, .. } if overlay_key == OverlayKey::Copy && !copy.is_empty() => {
            let text = copy.clone();
            Next::Copy(Overlay::Info { title, lines, scroll: 0, copy }, text)
        }
        Overlay::Info { title, lines, scroll, copy } => match overlay_key {
            OverlayKey::Accept | OverlayKey::Letter('q') => Next::Close,
            _ => {
                let scroll = scrolled(scroll, overlay_key).min(lines.len().saturating_sub(1));
                Next::Stay(Overlay::Info { title, lines, scroll, copy })
            }
        },
        Overlay::Secret { ref copy, .. } if overlay_key == OverlayKey::Copy => {
            let text = copy.clone();
            Next::Copy(overlay, text)
        }
        // Only Esc closes a secret: a stray Enter must not lose the only chance to see it.
        other => Next::Stay(other),
    }
}

fn scrolled(scroll: usize, overlay_key: OverlayKey) -> usize {
    match overlay_key {
        OverlayKey::Up | OverlayKey::Letter('k') => scroll.saturating_sub(1),
        OverlayKey::Down | OverlayKey::Letter('j') => scroll + 1,
        _ => scroll,
    }
}

fn in_menu(mut menu: Menu, overlay_key: OverlayKey) -> Next {
    let last = menu.items.len().saturating_sub(1);
    let chosen = match overlay_key {
        OverlayKey::Up => {
            menu.selected = menu.selected.saturating_sub(1);
            None
        }
        OverlayKey::Down => {
            menu.selected = (menu.selected + 1).min(last);
            None
        }
        OverlayKey::Accept => menu.items.get(menu.selected),
        OverlayKey::Letter(letter) => menu.items.iter().find(|(key, _, _)| *key == letter),
        _ => None,
    };
    match chosen {
        Some((_, _, item)) => Next::Begin(*item),
        None => Next::Stay(Overlay::Menu(menu)),
    }
}

fn in_confirm(mut confirm: Confirm, overlay_key: OverlayKey) -> Next {
    match overlay_key {
        OverlayKey::Switch | OverlayKey::Letter('h' | 'l') => confirm.yes = !confirm.yes,
        OverlayKey::Tick => {
            if let Some(toggle) = &mut confirm.toggle {
                toggle.on = !toggle.on;
            }
        }
        OverlayKey::Accept if confirm.yes => return Next::Change(submit::confirmed(confirm)),
        OverlayKey::Accept | OverlayKey::Letter('n') => return Next::Close,
        // `y` does not confirm: it is the copy key elsewhere, and a stray key must not destroy anything.
        OverlayKey::Up | OverlayKey::Down | OverlayKey::Copy | OverlayKey::Letter(_) | OverlayKey::Cancel => {}
    }
    Next::Stay(Overlay::Confirm(confirm))
}

fn in_typed(mut typed: TypedConfirm, key: KeyEvent) -> Next {
    match keys::edit_key(key) {
        Some(EditKey::Accept) if typed.input.as_str().trim() == typed.expected => return Next::Change(typed.change),
        Some(EditKey::Accept) => return Next::Wrong,
        Some(EditKey::Cancel) => return Next::Close,
        Some(edit_key) => edit(&mut typed.input, edit_key),
        None => {}
    }
    Next::Stay(Overlay::TypedConfirm(typed))
}

fn in_form(mut form: Form, key: KeyEvent, now_ms: u64) -> Next {
    match keys::edit_key(key) {
        Some(EditKey::Cancel) => return Next::Close,
        Some(EditKey::Next) => form.step(1),
        Some(EditKey::Previous) => form.step(-1),
        Some(EditKey::Accept) => match submit::filled(&form, now_ms) {
            Ok(change) => return Next::Change(change),
            Err(error) => form.error = Some(error),
        },
        Some(edit_key) => match form.fields.get_mut(form.focus).map(|field| &mut field.value) {
            Some(FieldValue::Text(input)) => edit(input, edit_key),
            Some(FieldValue::Switch(on)) if edit_key == EditKey::Insert(' ') => *on = !*on,
            _ => {}
        },
        None => {}
    }
    Next::Stay(Overlay::Form(form))
}

fn edit(input: &mut Input, edit_key: EditKey) {
    match edit_key {
        EditKey::Insert(c) => input.push_str(c.encode_utf8(&mut [0; 4])),
        EditKey::Backspace => {
            input.backspace();
        }
        EditKey::DeleteWord => input.delete_word(),
        EditKey::Clear => input.clear(),
        EditKey::Next | EditKey::Previous | EditKey::Accept | EditKey::Cancel => {}
    }
}
