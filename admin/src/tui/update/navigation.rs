//! Navigation: the cursor, the screens, opening and closing.

use crate::tui::parts::List;
use crate::tui::screen::{Event, ScreenId, Step};
use crate::tui::state::{Jump, State};

use super::handle;

/// Moves the cursor, or scrolls the detail view.
pub(super) fn step(state: &mut State, step: Step) {
    let page = state.shared.page_rows();
    let screen = &mut state.screens[state.shown.index()];
    if let Some(detail) = screen.panes_mut().opened() {
        return detail.step(step, page);
    }
    if let Some(list) = screen.panes_mut().list {
        list.select(step.from(list.position(), page, list.len().saturating_sub(1)));
        handle(state, Event::More(page));
    } else {
        handle(state, Event::Step(step));
    }
}

/// Moves to the next tab or part. With `screens` and no detail view, to the next screen.
pub(super) fn turn(state: &mut State, steps: isize, screens: bool) {
    if let Some(detail) = state.screens[state.shown.index()].panes_mut().opened() {
        detail.turn(steps);
    } else if screens {
        let count = state.screens.len();
        let next = state.shown.index().saturating_add_signed(steps + count.cast_signed()) % count;
        go(state, ScreenId::new(next));
    } else {
        handle(state, Event::Turn(steps));
    }
}

/// Shows a screen. Closes what was open over the former one.
pub(super) fn go(state: &mut State, id: ScreenId) {
    close(state);
    state.shown = id;
    handle(state, Event::Enter);
}

/// Shows the screen with the details about an area, or the overlay instead.
pub(super) fn jump(state: &mut State, jump: Jump) {
    let is_it = |id: &ScreenId| jump.area.is_some() && state.screens[id.index()].area() == jump.area.as_deref();
    match state.ids().find(is_it) {
        Some(id) => go(state, id),
        None => state.shared.overlay = Some(jump.otherwise),
    }
}

/// Opens the selected item.
pub(super) fn open(state: &mut State) {
    if state.screen().panes().opened().is_none() {
        handle(state, Event::Open);
    }
}

/// Goes one step back: closes the detail view, or clears the filter. Never quits.
pub(super) fn back(state: &mut State) {
    let is_stale = if close(state) {
        state.screen().panes().list.is_some_and(|list| !list.is_loaded())
    } else {
        set_filter(state, "")
    };
    if is_stale {
        handle(state, Event::Load);
    }
}

/// Closes the detail view. Returns whether one was open.
pub(super) fn close(state: &mut State) -> bool {
    let opened = state.screens[state.shown.index()].panes_mut().opened();
    opened.map(|detail| detail.close()).is_some()
}

/// Filters the current list. Returns whether the server has to search for more rows.
pub(super) fn set_filter(state: &mut State, text: &str) -> bool {
    with_list(state, |list| {
        list.set_filter(text);
        list.search_is_stale()
    })
    .unwrap_or(false)
}

/// Changes the order of the current list, and loads the rows that it needs.
pub(super) fn sort(state: &mut State, change: impl FnOnce(&mut dyn List)) {
    let needs_rest = with_list(state, |list| {
        change(list);
        list.needs_rest()
    });
    if needs_rest == Some(true) {
        handle(state, Event::More(usize::MAX));
    }
}

fn with_list<T>(state: &mut State, change: impl FnOnce(&mut dyn List) -> T) -> Option<T> {
    state.screens[state.shown.index()].panes_mut().list.map(change)
}
