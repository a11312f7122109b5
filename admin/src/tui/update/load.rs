//! Which questions to ask the server, and when.

use crate::tui::message::{Effect, Load};
use crate::tui::state::{Link, Screen, State};

impl State {
    /// Whether the last answer came.
    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }
}

/// Asks for the health report unless one is on its way.
pub(super) fn status(state: &mut State) -> Option<Effect> {
    if state.status_asked {
        return None;
    }
    state.status_asked = true;
    Some(Effect::Load(Load::Status))
}

/// What is asked for regularly: health and, while the server is there, jobs.
pub(super) fn periodic(state: &mut State) -> Vec<Effect> {
    let mut effects: Vec<Effect> = status(state).into_iter().collect();
    if state.is_up() {
        effects.push(Effect::Load(Load::Jobs));
    }
    effects
}

/// What the current screen shows, loaded anew.
pub(super) fn screen(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    if let Some(detail) = &state.detail {
        let id = detail.id.clone();
        effects.push(Effect::Load(if state.screen == Screen::Users { Load::User(id) } else { Load::Room(id) }));
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
            let (_, ticket) = state.tokens.reload();
            effects.push(Effect::Load(Load::Tokens { ticket }));
        }
        Screen::Log => effects.extend(log(state)),
    }
    effects
}

/// The next lines of the log, while someone looks at it.
pub(super) fn log(state: &mut State) -> Option<Effect> {
    if state.screen != Screen::Log {
        return None;
    }
    let (query, ticket) = state.log.ask()?;
    Some(Effect::Load(Load::Log { query, ticket }))
}

/// The following page, when the cursor nears the end of what is loaded.
pub(super) fn more(state: &mut State) -> Option<Effect> {
    let near = state.page_rows();
    match state.screen {
        Screen::Users => state.users.load_more(near).map(|(query, ticket)| Effect::Load(Load::Users { query, ticket })),
        Screen::Rooms => state.rooms.load_more(near).map(|(query, ticket)| Effect::Load(Load::Rooms { query, ticket })),
        Screen::Dashboard | Screen::Log | Screen::Tokens => None,
    }
}
