//! `update(state, message) -> effects`: the only place where the state changes. Performs no I/O and reads no
//! clock.

mod answers;
mod keys;
mod line;
mod navigation;
mod overlay;

use crossterm::event::KeyEvent;

use super::request::Answer;
use super::screen::{Event, ScreenId};
use super::state::{Effect, State};
use super::strings;

/// Interval between status reports, in seconds.
const STATUS_EVERY_S: u64 = 5;
/// Interval between attempts while the server is unreachable, in seconds.
const RETRY_EVERY_S: u64 = 2;

/// An event for the state.
pub(crate) enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted. It is never interpreted as keys.
    Paste(String),
    /// The terminal was resized: columns, rows.
    Resize(u16, u16),
    /// One second has passed.
    Tick,
    /// A request has ended.
    Answered(Answer),
}

/// Processes a message. Marks the state dirty if there may be something new to draw.
pub(crate) fn update(state: &mut State, message: Message) -> Vec<Effect> {
    state.shared.dirty |= matches!(message, Message::Key(_) | Message::Paste(_) | Message::Resize(..));
    match message {
        Message::Key(key) => keys::press(state, key),
        Message::Paste(text) => keys::paste(state, &text),
        Message::Resize(columns, rows) => state.shared.size = (columns, rows),
        Message::Tick => tick(state),
        Message::Answered(answer) => answers::answered(state, answer),
    }
    if let Some(jump) = state.shared.jump.take() {
        navigation::jump(state, jump);
    }
    std::mem::take(&mut state.shared.effects)
}

/// The first requests.
pub(crate) fn begin(state: &mut State) -> Vec<Effect> {
    state.shared.load_status();
    std::mem::take(&mut state.shared.effects)
}

fn tick(state: &mut State) {
    let shared = &mut state.shared;
    let was_silent = shared.is_silent();
    shared.ticks += 1;
    let now = shared.ticks;
    if shared.notice.as_ref().is_some_and(|notice| notice.until <= now) {
        shared.notice = None;
        shared.dirty = true;
    }
    if shared.undo.as_ref().is_some_and(|undo| undo.until <= now) {
        shared.undo = None;
    }
    if shared.is_silent() && !was_silent {
        shared.notify_error(strings::SILENT_NOTICE);
    }
    let is_up = shared.is_up();
    let every = if is_up { STATUS_EVERY_S } else { RETRY_EVERY_S };
    if now.is_multiple_of(every) {
        shared.poll();
        if is_up {
            handle(state, Event::Live);
        }
    }
    state.shared.dirty |= state.screen().is_ticking();
}

/// Lets the shown screen handle an event.
fn handle(state: &mut State, event: Event<'_>) {
    handle_by(state, state.shown, event);
}

fn handle_by(state: &mut State, id: ScreenId, event: Event<'_>) {
    let is_shown = state.shown == id;
    state.screens[id.index()].handle(event, &mut state.shared, id, is_shown);
}
