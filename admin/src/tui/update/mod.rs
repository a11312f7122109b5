//! `update(state, message) -> effects`: the only place where the state changes. Performs no I/O and reads no
//! clock.

mod actions;
mod calls;
mod keys;
mod line;
mod load;
mod navigation;
mod overlay;
mod responses;
mod submit;

pub(crate) use navigation::problems;

use super::message::{Effect, Message};
use super::state::{Screen, State};

/// Interval between status reports, in seconds.
const STATUS_EVERY_S: u64 = 5;
/// Interval between attempts while the server is unreachable, in seconds.
const RETRY_EVERY_S: u64 = 2;

/// Processes a message. Marks the state dirty if there may be something new to draw.
pub(crate) fn update(state: &mut State, message: Message) -> Vec<Effect> {
    match message {
        Message::Key(key) => {
            state.dirty = true;
            keys::press(state, key)
        }
        Message::Paste(text) => {
            state.dirty = true;
            keys::paste(state, &text);
            Vec::new()
        }
        Message::Resize(columns, rows) => {
            state.dirty = true;
            state.size = (columns, rows);
            Vec::new()
        }
        Message::Tick => tick(state),
        Message::Loaded(loaded) => responses::loaded(state, loaded),
        Message::LoadFailed(load, error) => responses::load_failed(state, &load, error),
        Message::Changed(change, result) => {
            state.dirty = true;
            responses::changed(state, change, result)
        }
    }
}

/// The first requests.
pub(crate) fn begin(state: &mut State) -> Vec<Effect> {
    load::status(state).into_iter().collect()
}

fn tick(state: &mut State) -> Vec<Effect> {
    state.ticks += 1;
    let now = state.ticks;
    if state.notice.as_ref().is_some_and(|notice| notice.until <= now) {
        state.notice = None;
        state.dirty = true;
    }
    if state.undo.as_ref().is_some_and(|undo| undo.until <= now) {
        state.undo = None;
    }
    // The calls screen shows the seconds of a running test.
    state.dirty |= state.screen == Screen::Calls && state.calls.test.since.is_some();
    let every = if state.is_up() { STATUS_EVERY_S } else { RETRY_EVERY_S };
    if now.is_multiple_of(every) { load::periodic(state) } else { Vec::new() }
}
