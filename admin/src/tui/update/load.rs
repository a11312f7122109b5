//! Which requests to send, and when.

use crate::tui::message::{Effect, Load};
use crate::tui::state::{Link, List, Screen, State};

impl State {
    /// Whether the last request got a response.
    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }
}

/// Requests the status report, unless that request is pending.
pub(super) fn status(state: &mut State) -> Option<Effect> {
    if state.status_asked {
        return None;
    }
    state.status_asked = true;
    Some(Effect::Load(Load::Status))
}

/// The periodic requests: status, and while the server is up, jobs and the live data of the current screen.
pub(super) fn periodic(state: &mut State) -> Vec<Effect> {
    let mut effects: Vec<Effect> = status(state).into_iter().collect();
    if state.is_up() {
        effects.push(Effect::Load(Load::Jobs));
        effects.extend(live(state));
    }
    effects
}

/// The data of the current screen that changes by itself. Nothing is requested for other screens.
fn live(state: &mut State) -> Option<Effect> {
    match state.screen {
        Screen::Calls => relay(state),
        Screen::Federation => server(state),
        Screen::Dashboard | Screen::Users | Screen::Rooms | Screen::Log | Screen::Tokens => None,
    }
}

/// The relay's status, unless that request is pending.
pub(super) fn relay(state: &mut State) -> Option<Effect> {
    state.calls.ask().then_some(Effect::Load(Load::Relay))
}

/// The opened server; without one, the whole list if it is one page, else the selected server.
fn server(state: &mut State) -> Option<Effect> {
    if let Some(detail) = &state.detail {
        return Some(Effect::Load(Load::Server(detail.id.clone())));
    }
    let servers = &mut state.servers;
    if !servers.is_one_page() {
        return servers.selected_key().map(|name| Effect::Load(Load::Server(name)));
    }
    if servers.is_loading() {
        return None;
    }
    let (query, ticket) = servers.refresh();
    Some(Effect::Load(Load::Servers { query, ticket }))
}

/// Reloads the current screen.
pub(super) fn screen(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    if let Some(detail) = &state.detail {
        let id = detail.id.clone();
        match state.screen {
            Screen::Users => effects.push(Effect::Load(Load::User(id))),
            Screen::Rooms => effects.push(Effect::Load(Load::Room(id))),
            Screen::Federation => effects.push(Effect::Load(Load::Server(id))),
            // Relayed addresses are part of the relay's status.
            Screen::Calls | Screen::Dashboard | Screen::Log | Screen::Tokens => {}
        }
    }
    match state.screen {
        Screen::Dashboard => effects.extend(periodic(state)),
        Screen::Users => {
            let (query, ticket) = state.users.reload();
            effects.push(Effect::Load(Load::Users { query, ticket }));
        }
        Screen::Rooms => {
            let (query, ticket) = state.rooms.reload();
            effects.push(Effect::Load(Load::Rooms { query, ticket }));
        }
        Screen::Tokens => {
            let ticket = state.tokens.reload_whole();
            effects.push(Effect::Load(Load::Tokens { ticket }));
        }
        Screen::Log => effects.extend(log(state)),
        Screen::Federation => {
            let (query, ticket) = state.servers.reload();
            effects.push(Effect::Load(Load::Servers { query, ticket }));
        }
        Screen::Calls => effects.extend(relay(state)),
    }
    effects
}

/// The next log entries, while the log screen is open.
pub(super) fn log(state: &mut State) -> Option<Effect> {
    if state.screen != Screen::Log {
        return None;
    }
    let (query, ticket) = state.log.ask()?;
    Some(Effect::Load(Load::Log { query, ticket }))
}

/// The next page, when the cursor nears the end of the loaded rows.
pub(super) fn more(state: &mut State) -> Option<Effect> {
    let near = state.page_rows();
    following(state, near)
}

/// The next page, when the sort order needs all rows. Called again after each page.
pub(super) fn rest(state: &mut State) -> Option<Effect> {
    let needed = match state.screen {
        Screen::Users => state.users.needs_rest(),
        Screen::Rooms => state.rooms.needs_rest(),
        Screen::Federation => state.servers.needs_rest(),
        Screen::Dashboard | Screen::Log | Screen::Tokens | Screen::Calls => false,
    };
    if needed { following(state, usize::MAX) } else { None }
}

fn following(state: &mut State, near: usize) -> Option<Effect> {
    match state.screen {
        Screen::Users => state.users.load_more(near).map(|(query, ticket)| Effect::Load(Load::Users { query, ticket })),
        Screen::Rooms => state.rooms.load_more(near).map(|(query, ticket)| Effect::Load(Load::Rooms { query, ticket })),
        Screen::Federation => {
            state.servers.load_more(near).map(|(query, ticket)| Effect::Load(Load::Servers { query, ticket }))
        }
        Screen::Dashboard | Screen::Log | Screen::Tokens | Screen::Calls => None,
    }
}
