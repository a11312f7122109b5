//! Keys while something lies over the screen. Esc closes it and changes nothing.

use crossterm::event::KeyEvent;

use crate::tui::keys::{self, Choosing, Typing};
use crate::tui::message::Effect;
use crate::tui::state::{Confirm, FieldValue, Form, Input, Menu, Overlay, State, Typed};
use crate::tui::strings;

use super::{act, submit};

/// What becomes of the overlay after a key.
enum Next {
    Stay(Overlay),
    Close,
    Begin(crate::tui::state::MenuItem),
    Change(crate::tui::message::Change),
    Copy(Overlay, String),
    Wrong,
}

/// Takes a key.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let Some(overlay) = state.overlay.take() else { return Vec::new() };
    let now_ms = state.now_ms();
    match turn(overlay, key, now_ms) {
        Next::Stay(overlay) => state.overlay = Some(overlay),
        Next::Close => {}
        Next::Begin(item) => return act::begin(state, item),
        Next::Change(change) => return act::change(state, change),
        Next::Copy(overlay, text) => {
            state.overlay = Some(overlay);
            state.say(strings::COPIED);
            return vec![Effect::Copy(text)];
        }
        Next::Wrong => state.complain(strings::TYPED_WRONG),
    }
    Vec::new()
}

/// Takes pasted text, where there is a line for it.
pub(super) fn paste(overlay: &mut Overlay, text: &str) {
    match overlay {
        Overlay::Typed(typed) => typed.input.push_str(text),
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
        Overlay::Typed(typed) => in_typed(typed, key),
        Overlay::Form(form) => in_form(form, key, now_ms),
        other => match keys::choosing(key) {
            Some(Choosing::Cancel) => Next::Close,
            Some(choosing) => in_choice(other, choosing),
            None => Next::Stay(other),
        },
    }
}

fn in_choice(overlay: Overlay, choosing: Choosing) -> Next {
    match overlay {
        Overlay::Menu(menu) => in_menu(menu, choosing),
        Overlay::Confirm(confirm) => in_confirm(confirm, choosing),
        Overlay::Help { scroll } => match choosing {
            Choosing::Accept | Choosing::Letter('?' | 'q') => Next::Close,
            _ => Next::Stay(Overlay::Help { scroll: scrolled(scroll, choosing) }),
        },
        Overlay::Info { copy, title, lines, .. } if choosing == Choosing::Copy && !copy.is_empty() => {
            let text = copy.clone();
            Next::Copy(Overlay::Info { title, lines, scroll: 0, copy }, text)
        }
        Overlay::Info { title, lines, scroll, copy } => match choosing {
            Choosing::Accept | Choosing::Letter('q') => Next::Close,
            _ => {
                let scroll = scrolled(scroll, choosing).min(lines.len().saturating_sub(1));
                Next::Stay(Overlay::Info { title, lines, scroll, copy })
            }
        },
        Overlay::Secret { ref copy, .. } if choosing == Choosing::Copy => {
            let text = copy.clone();
            Next::Copy(overlay, text)
        }
        // A secret goes only with Esc: a stray Enter must not lose the one look at it.
        other => Next::Stay(other),
    }
}

fn scrolled(scroll: usize, choosing: Choosing) -> usize {
    match choosing {
        Choosing::Up | Choosing::Letter('k') => scroll.saturating_sub(1),
        Choosing::Down | Choosing::Letter('j') => scroll + 1,
        _ => scroll,
    }
}

fn in_menu(mut menu: Menu, choosing: Choosing) -> Next {
    let last = menu.items.len().saturating_sub(1);
    let chosen = match choosing {
        Choosing::Up => {
            menu.selected = menu.selected.saturating_sub(1);
            None
        }
        Choosing::Down => {
            menu.selected = (menu.selected + 1).min(last);
            None
        }
        Choosing::Accept => menu.items.get(menu.selected),
        Choosing::Letter(letter) => menu.items.iter().find(|(key, _, _)| *key == letter),
        _ => None,
    };
    match chosen {
        Some((_, _, item)) => Next::Begin(*item),
        None => Next::Stay(Overlay::Menu(menu)),
    }
}

fn in_confirm(mut confirm: Confirm, choosing: Choosing) -> Next {
    match choosing {
        Choosing::Switch | Choosing::Letter('h' | 'l') => confirm.yes = !confirm.yes,
        Choosing::Tick => {
            if let Some(toggle) = &mut confirm.toggle {
                toggle.on = !toggle.on;
            }
        }
        Choosing::Accept if confirm.yes => return Next::Change(submit::confirmed(confirm)),
        Choosing::Accept | Choosing::Letter('n') => return Next::Close,
        // `y` does not say yes: a key pressed for something else must not destroy.
        Choosing::Up | Choosing::Down | Choosing::Copy | Choosing::Letter(_) | Choosing::Cancel => {}
    }
    Next::Stay(Overlay::Confirm(confirm))
}

fn in_typed(mut typed: Typed, key: KeyEvent) -> Next {
    match keys::typing(key) {
        Some(Typing::Accept) if typed.input.as_str().trim() == typed.expected => return Next::Change(typed.change),
        Some(Typing::Accept) => return Next::Wrong,
        Some(Typing::Cancel) => return Next::Close,
        Some(typing) => edit(&mut typed.input, typing),
        None => {}
    }
    Next::Stay(Overlay::Typed(typed))
}

fn in_form(mut form: Form, key: KeyEvent, now_ms: u64) -> Next {
    match keys::typing(key) {
        Some(Typing::Cancel) => return Next::Close,
        Some(Typing::Next) => form.step(1),
        Some(Typing::Previous) => form.step(-1),
        Some(Typing::Accept) => match submit::filled(&form, now_ms) {
            Ok(change) => return Next::Change(change),
            Err(error) => form.error = Some(error),
        },
        Some(typing) => match form.fields.get_mut(form.focus).map(|field| &mut field.value) {
            Some(FieldValue::Text(input)) => edit(input, typing),
            Some(FieldValue::Switch(on)) if typing == Typing::Insert(' ') => *on = !*on,
            _ => {}
        },
        None => {}
    }
    Next::Stay(Overlay::Form(form))
}

fn edit(input: &mut Input, typing: Typing) {
    match typing {
        Typing::Insert(c) => input.push_str(c.encode_utf8(&mut [0; 4])),
        Typing::Backspace => {
            input.backspace();
        }
        Typing::DeleteWord => input.delete_word(),
        Typing::Clear => input.clear(),
        Typing::Next | Typing::Previous | Typing::Accept | Typing::Cancel => {}
    }
}
