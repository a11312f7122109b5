//! Keys while an overlay is open. Esc closes it without a change.

use crossterm::event::KeyEvent;

use crate::tui::keys::{self, EditKey, OverlayKey};
use crate::tui::parts::{Confirm, FieldValue, Form, Info, Input, Menu, Overlay, TypedConfirm};
use crate::tui::request::Call;
use crate::tui::screen::Event;
use crate::tui::state::{Effect, State};
use crate::tui::strings;

use super::handle;

/// The result of a key.
enum Next {
    Stay(Overlay),
    Close,
    /// An action of the screen.
    Act(usize),
    Change(Call),
    Copy(Overlay, String),
    Wrong,
}

/// Handles a key.
pub(super) fn press(state: &mut State, key: KeyEvent) {
    let Some(overlay) = state.shared.overlay.take() else { return };
    let now_ms = state.shared.now_ms();
    match turn(overlay, key, now_ms) {
        Next::Stay(overlay) => state.shared.overlay = Some(overlay),
        Next::Close => {}
        Next::Act(place) => handle(state, Event::Act(place)),
        Next::Change(change) => state.shared.change(change),
        Next::Copy(overlay, text) => {
            state.shared.overlay = Some(overlay);
            state.shared.notify(strings::COPIED);
            state.shared.effects.push(Effect::Copy(text));
        }
        Next::Wrong => state.shared.notify_error(strings::TYPED_WRONG),
    }
}

/// Handles pasted text, if the overlay has a text field.
pub(super) fn paste(overlay: &mut Overlay, text: &str) {
    match overlay {
        Overlay::TypedConfirm(typed) => typed.input.push_str(text),
        Overlay::Form(form) => form.paste(text),
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
        Overlay::Info(info) if overlay_key == OverlayKey::Copy && !info.copy.is_empty() => {
            let text = info.copy.clone();
            Next::Copy(Overlay::Info(info), text)
        }
        Overlay::Info(info) => match overlay_key {
            OverlayKey::Accept | OverlayKey::Letter('q') => Next::Close,
            _ => {
                let scroll =
                    scrolled(info.scroll, overlay_key).min((info.qr.len() + info.lines.len()).saturating_sub(1));
                Next::Stay(Overlay::Info(Info { scroll, ..info }))
            }
        },
        Overlay::Secret(secret) if overlay_key == OverlayKey::Copy => {
            let text = secret.copy.clone();
            Next::Copy(Overlay::Secret(secret), text)
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
        OverlayKey::Letter(letter) => menu.items.iter().find(|item| item.key == letter),
        _ => None,
    };
    match chosen {
        Some(item) => Next::Act(item.action),
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
        OverlayKey::Accept if confirm.yes => {
            let ticked = confirm.toggle.is_some_and(|toggle| toggle.on);
            return Next::Change((confirm.change)(ticked));
        }
        OverlayKey::Accept | OverlayKey::Letter('n') => return Next::Close,
        // `y` does not confirm: it is the copy key elsewhere, and a stray key must not destroy anything.
        OverlayKey::Up | OverlayKey::Down | OverlayKey::Copy | OverlayKey::Letter(_) | OverlayKey::Cancel => {}
    }
    Next::Stay(Overlay::Confirm(confirm))
}

fn in_typed(mut typed: TypedConfirm, key: KeyEvent) -> Next {
    match keys::edit_key(key) {
        Some(EditKey::Accept) if typed.input.as_str().trim() == typed.expected => return Next::Change((typed.change)()),
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
        Some(EditKey::Accept) => match (form.submit)(&form.fields, now_ms) {
            Ok(change) => return Next::Change(change),
            Err(error) => form.error = Some(error),
        },
        Some(edit_key) => match form.fields.get_mut(form.focus).map(|field| &mut field.value) {
            Some(FieldValue::Text(input)) => edit(input, edit_key),
            Some(FieldValue::Switch(on)) if edit_key == EditKey::Insert(' ') => *on = !*on,
            Some(FieldValue::Document(text)) if matches!(edit_key, EditKey::Backspace | EditKey::Clear) => text.clear(),
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
