//! Processes answers: what they say about the connection, then what they change.

use crate::tui::request::Answer;
use crate::tui::screen::Event;
use crate::tui::state::{Link, State};

use super::handle;

/// Processes an answer.
pub(super) fn answered(state: &mut State, answer: Answer) {
    let down = answer.error.filter(|error| error.is_down());
    let is_up = down.is_none();
    let link = down.map_or(Link::Up, Link::Down);
    let before = std::mem::replace(&mut state.shared.link, link);
    state.shared.dirty |= before != state.shared.link;
    let is_back = is_up && matches!(before, Link::Down(_));
    if is_back {
        state.screens.iter_mut().for_each(|screen| screen.reconnected());
    }
    (answer.apply)(state);
    // What is shown may be from before the outage.
    if is_back {
        handle(state, Event::Load);
    }
}
