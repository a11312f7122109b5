//! Navigation: the cursor, the screens, opening and closing.

use crate::text::safe_text;
use crate::tui::keys::Action;
use crate::tui::message::{Effect, Load};
use crate::tui::state::{CallsPart, Detail, DetailData, List, Overlay, Screen, State};
use crate::tui::strings;
use crate::tui::view;
use crate::wire::{HealthLevel, LogEntry, Problem, areas};

use super::load;

/// Moves the cursor, or scrolls the detail view.
pub(super) fn step(state: &mut State, action: Action) {
    let page = state.page_rows();
    if let Some(detail) = &mut state.detail {
        detail.scroll_to(moved(action, detail.scroll, page));
        return;
    }
    if let Some(list) = state.list_mut() {
        list.select(moved(action, list.position(), page));
    } else if state.screen == Screen::Dashboard {
        let last = problems(state).count().saturating_sub(1);
        state.problem = moved(action, state.problem, page).min(last);
    } else if state.screen == Screen::Calls {
        // The other parts are text; only the view knows its length.
        let max = view::calls_scroll_max(state);
        // The text may have become shorter.
        state.calls.scroll = moved(action, state.calls.scroll.min(max), page).min(max);
    }
}

/// The new position before clamping; the caller knows the end.
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

/// Moves to the next tab or part. With `screens` and no detail view, navigation to the next screen.
pub(super) fn turn(state: &mut State, steps: isize, screens: bool) -> Vec<Effect> {
    match &mut state.detail {
        Some(detail) => detail.turn(steps),
        None if screens => return go(state, state.screen.neighbour(steps)),
        None if state.screen == Screen::Calls => state.calls.turn(steps),
        None => {}
    }
    Vec::new()
}

/// Shows a screen. Closes the detail view, and loads the screen if it has no data.
pub(super) fn go(state: &mut State, screen: Screen) -> Vec<Effect> {
    state.detail = None;
    state.screen = screen;
    let fresh = match screen {
        Screen::Dashboard => state.status.is_some(),
        // These guard against a second pending request themselves.
        Screen::Log | Screen::Calls => false,
        _ => state.list().is_some_and(List::is_loading),
    };
    if fresh { Vec::new() } else { load::screen(state) }
}

/// Opens the selected item.
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
        Screen::Federation => {
            let name = state.servers.selected().map(|server| server.server_name.clone());
            name.map_or_else(Vec::new, |name| open_server(state, name))
        }
        Screen::Calls => {
            open_call(state);
            Vec::new()
        }
        Screen::Dashboard if problem(state).is_some_and(|problem| problem.area.as_deref() == Some(areas::RELAY)) => {
            go(state, Screen::Calls)
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

/// Opens a user over the list of users.
pub(super) fn open_user(state: &mut State, id: String) -> Vec<Effect> {
    state.screen = Screen::Users;
    state.detail = Some(Detail::new(id.clone()));
    vec![Effect::Load(Load::User(id))]
}

/// Opens a room over the list of rooms.
pub(super) fn open_room(state: &mut State, id: String) -> Vec<Effect> {
    state.screen = Screen::Rooms;
    state.detail = Some(Detail::new(id.clone()));
    vec![Effect::Load(Load::Room(id))]
}

/// Opens a server over the list of servers.
pub(super) fn open_server(state: &mut State, name: String) -> Vec<Effect> {
    state.screen = Screen::Federation;
    state.detail = Some(Detail::new(name.clone()));
    vec![Effect::Load(Load::Server(name))]
}

/// Opens the selected relayed address, whose data is already loaded. For a user, lists their relayed addresses.
fn open_call(state: &mut State) {
    if state.calls.part == CallsPart::Users {
        let Some(user) = state.calls.users.selected_key() else { return };
        state.calls.show(CallsPart::Now);
        state.calls.now.set_filter(&user);
        return;
    }
    let selected = if state.calls.part == CallsPart::Now { state.calls.now.selected() } else { None };
    state.detail = selected.map(|call| Detail {
        data: DetailData::Call(Box::new(call.clone())),
        ..Detail::new(call.allocation.id.clone())
    });
}

/// Goes one step back: closes the detail view, or clears the filter. Never quits.
pub(super) fn back(state: &mut State) -> Vec<Effect> {
    if state.detail.take().is_some() {
        let never_loaded = state.list().is_some_and(|list| !list.is_loaded() && !list.is_loading());
        return if never_loaded { load::screen(state) } else { Vec::new() };
    }
    if set_filter(state, "") { load::screen(state) } else { Vec::new() }
}

/// Filters the current list. Returns whether the server has to search for more rows.
pub(super) fn set_filter(state: &mut State, text: &str) -> bool {
    state.list_mut().is_some_and(|list| {
        list.set_filter(text);
        list.search_is_stale()
    })
}

/// The filter of the current list.
pub(super) fn filter(state: &State) -> &str {
    state.list().map_or("", List::filter)
}

/// Sorts the current list by the next column, or reverses the order.
pub(super) fn sort(state: &mut State, reverse: bool) {
    match state.list_mut() {
        Some(list) if reverse => list.reverse(),
        Some(list) => list.sort_next(),
        None => {}
    }
}

/// The problems worth showing: all that are not `ok`.
pub(crate) fn problems(state: &State) -> impl Iterator<Item = &Problem> {
    let all = state.status.iter().flat_map(|status| &status.problems);
    all.filter(|problem| problem.level != HealthLevel::Ok)
}

/// The selected problem.
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
