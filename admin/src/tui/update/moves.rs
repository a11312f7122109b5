//! Moving about: the cursor, the screens, into something and back out.

use crate::text::safe_text;
use crate::tui::keys::Action;
use crate::tui::message::{Effect, Load};
use crate::tui::state::{Detail, Overlay, Screen, State};
use crate::tui::strings;
use crate::wire::{HealthLevel, LogEntry, Problem};

use super::load;

/// Moves the cursor, or scrolls what is opened.
pub(super) fn step(state: &mut State, action: Action) {
    let page = state.page_rows();
    if let Some(detail) = &mut state.detail {
        detail.scroll_to(moved(action, detail.scroll, page));
        return;
    }
    match state.screen {
        Screen::Dashboard => {
            let last = problems(state).count().saturating_sub(1);
            state.problem = moved(action, state.problem, page).min(last);
        }
        Screen::Users => state.users.select(moved(action, state.users.place(), page)),
        Screen::Rooms => state.rooms.select(moved(action, state.rooms.place(), page)),
        Screen::Tokens => state.tokens.select(moved(action, state.tokens.place(), page)),
        Screen::Log => state.log.list.select(moved(action, state.log.list.place(), page)),
    }
}

/// Where the cursor wants to go; whoever holds it knows the end.
fn moved(action: Action, place: usize, page: usize) -> usize {
    match action {
        Action::Up => place.saturating_sub(1),
        Action::Down => place.saturating_add(1),
        Action::PageUp => place.saturating_sub(page),
        Action::PageDown => place.saturating_add(page),
        Action::First => 0,
        Action::Last => usize::MAX,
        _ => place,
    }
}

/// To the next part of what is opened; with `screens`, to the next screen if nothing is.
pub(super) fn turn(state: &mut State, steps: isize, screens: bool) -> Vec<Effect> {
    match &mut state.detail {
        Some(detail) => detail.turn(steps),
        None if screens => return go(state, state.screen.neighbour(steps)),
        None => {}
    }
    Vec::new()
}

/// To a screen; what was opened closes, and what was never loaded loads.
pub(super) fn go(state: &mut State, screen: Screen) -> Vec<Effect> {
    state.detail = None;
    state.screen = screen;
    let fresh = match screen {
        Screen::Dashboard => state.status.is_some(),
        Screen::Users => state.users.loading,
        Screen::Rooms => state.rooms.loading,
        Screen::Tokens => state.tokens.loading,
        Screen::Log => false,
    };
    if fresh { Vec::new() } else { load::screen(state) }
}

/// Opens what is selected.
pub(super) fn open(state: &mut State) -> Vec<Effect> {
    if state.detail.is_some() {
        return Vec::new();
    }
    match state.screen {
        Screen::Users => {
            state.users.selected().map(|user| user.user_id.clone()).map_or_else(Vec::new, |id| open_user(state, id))
        }
        Screen::Rooms => {
            state.rooms.selected().map(|room| room.room_id.clone()).map_or_else(Vec::new, |id| open_room(state, id))
        }
        Screen::Dashboard => {
            state.overlay = problem(state).map(explain);
            Vec::new()
        }
        Screen::Log => {
            state.overlay = state.log.list.selected().map(whole_entry);
            Vec::new()
        }
        Screen::Tokens => Vec::new(),
    }
}

/// Opens a user over the users' list.
pub(super) fn open_user(state: &mut State, id: String) -> Vec<Effect> {
    state.screen = Screen::Users;
    state.detail = Some(Detail::new(id.clone()));
    vec![Effect::Load(Load::User(id))]
}

/// Opens a room over the rooms' list.
pub(super) fn open_room(state: &mut State, id: String) -> Vec<Effect> {
    state.screen = Screen::Rooms;
    state.detail = Some(Detail::new(id.clone()));
    vec![Effect::Load(Load::Room(id))]
}

/// One step back: closes what is opened, or clears the filter. Never leaves the program.
pub(super) fn back(state: &mut State) -> Vec<Effect> {
    if state.detail.take().is_some() {
        let never_loaded = match state.screen {
            Screen::Users => !state.users.loaded && !state.users.loading,
            Screen::Rooms => !state.rooms.loaded && !state.rooms.loading,
            _ => false,
        };
        return if never_loaded { load::screen(state) } else { Vec::new() };
    }
    if set_filter(state, "") { load::screen(state) } else { Vec::new() }
}

/// Filters the current list; true if the server should be asked for the missing part.
pub(super) fn set_filter(state: &mut State, text: &str) -> bool {
    match state.screen {
        Screen::Users => {
            state.users.set_filter(text);
            state.users.search_is_stale()
        }
        Screen::Rooms => {
            state.rooms.set_filter(text);
            state.rooms.search_is_stale()
        }
        Screen::Tokens => {
            state.tokens.set_filter(text);
            false
        }
        Screen::Log => {
            state.log.list.set_filter(text);
            false
        }
        Screen::Dashboard => false,
    }
}

/// The filter of the current list.
pub(super) fn filter(state: &State) -> &str {
    match state.screen {
        Screen::Users => state.users.filter(),
        Screen::Rooms => state.rooms.filter(),
        Screen::Tokens => state.tokens.filter(),
        Screen::Log => state.log.list.filter(),
        Screen::Dashboard => "",
    }
}

/// Sorts the current list by the next column, or turns its order round.
pub(super) fn sort(state: &mut State, reverse: bool) {
    match (state.screen, reverse) {
        (Screen::Users, false) => state.users.sort_next(),
        (Screen::Users, true) => state.users.reverse(),
        (Screen::Rooms, false) => state.rooms.sort_next(),
        (Screen::Rooms, true) => state.rooms.reverse(),
        (Screen::Tokens, false) => state.tokens.sort_next(),
        (Screen::Tokens, true) => state.tokens.reverse(),
        (Screen::Dashboard | Screen::Log, _) => {}
    }
}

/// The findings worth showing: those that are not `ok`.
pub(crate) fn problems(state: &State) -> impl Iterator<Item = &Problem> {
    let all = state.status.iter().flat_map(|status| &status.problems);
    all.filter(|problem| problem.level != HealthLevel::Ok)
}

/// The selected finding.
pub(super) fn problem(state: &State) -> Option<&Problem> {
    problems(state).nth(state.problem)
}

fn explain(problem: &Problem) -> Overlay {
    let mut lines = vec![safe_text(&problem.what)];
    if !problem.remedy.is_empty() {
        lines.extend([String::new(), strings::REMEDY.to_owned(), safe_text(&problem.remedy)]);
    }
    Overlay::Info {
        title: strings::PROBLEMS.to_owned(),
        lines,
        scroll: 0,
        copy: format!("{} {}", problem.what, problem.remedy),
    }
}

fn whole_entry(entry: &LogEntry) -> Overlay {
    let mut lines = vec![safe_text(&entry.message), String::new()];
    lines.extend(entry.fields.iter().map(|(name, value)| format!("{}: {}", safe_text(name), safe_text(value))));
    Overlay::Info {
        title: format!("{} {}", entry.level.as_str(), safe_text(&entry.target)),
        lines,
        scroll: 0,
        copy: entry.message.clone(),
    }
}
