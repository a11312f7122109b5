//! What the server said: reports, rows, refusals, and what came of a change.

use crate::client::ClientError;
use crate::text::safe_text;
use crate::tui::message::{Change, Effect, Load, Loaded, Outcome};
use crate::tui::state::{DetailData, Link, Overlay, Screen, State, Undo};
use crate::tui::strings::{self, say};
use crate::wire::{Destination, Page, RegistrationToken, Status};

use super::{calls, load, moves};

/// Seconds a change can be taken back.
const UNDO_S: u64 = 10;

/// Takes in an answer.
pub(super) fn loaded(state: &mut State, loaded: Loaded) -> Vec<Effect> {
    let returned = connected(state);
    let page = matches!(loaded, Loaded::Users { .. } | Loaded::Rooms { .. } | Loaded::Servers { .. });
    match loaded {
        Loaded::Status(status) => report(state, *status),
        Loaded::Jobs(jobs) => {
            state.dirty |= state.jobs != jobs;
            state.jobs = jobs;
        }
        Loaded::Users { page, ticket } => {
            state.dirty = true;
            state.users.arrive(page, ticket);
        }
        Loaded::Rooms { page, ticket } => {
            state.dirty = true;
            state.rooms.arrive(page, ticket);
        }
        Loaded::Tokens { items, ticket } => {
            state.dirty = true;
            state.tokens.arrive(Page { items, ..Page::default() }, ticket);
        }
        Loaded::User(user) => {
            let id = user.summary.user_id.clone();
            detail(state, &id, DetailData::User(user));
        }
        Loaded::Room(room) => {
            let id = room.summary.room_id.clone();
            detail(state, &id, DetailData::Room(room));
        }
        Loaded::Servers { page, ticket } => {
            state.dirty = true;
            state.servers.arrive(page, ticket);
        }
        Loaded::Server(server) => self::server(state, server),
        Loaded::Relay(relay) => calls::arrived(state, *relay),
        Loaded::RelayTest(checks) => calls::tested(state, Ok(checks)),
        Loaded::Log { page, ticket } => {
            state.dirty |= state.log.arrive(page, ticket);
            return load::log(state).into_iter().collect();
        }
    }
    match (returned, page) {
        (true, _) => load::screen(state),
        (false, true) => load::rest(state).into_iter().collect(),
        (false, false) => Vec::new(),
    }
}

/// Notes that the server is there; true if it had been away.
fn connected(state: &mut State) -> bool {
    let before = std::mem::replace(&mut state.link, Link::Up);
    state.dirty |= before != Link::Up;
    let returned = matches!(before, Link::Down(_));
    if returned {
        state.log.restart();
    }
    returned
}

fn report(state: &mut State, status: Status) {
    state.status_asked = false;
    state.dirty |= state.status.as_ref() != Some(&status);
    state.history.push(&status);
    state.status = Some(status);
    let last = moves::problems(state).count().saturating_sub(1);
    state.problem = state.problem.min(last);
}

/// A newer look at another server, for its row and for what is opened.
fn server(state: &mut State, server: Box<Destination>) {
    state.dirty = true;
    state.servers.replace((*server).clone());
    let name = server.server_name.clone();
    detail(state, &name, DetailData::Server(server));
}

/// Fills what is opened, if it is still the one that was asked for.
fn detail(state: &mut State, id: &str, data: DetailData) {
    if let Some(detail) = state.detail.as_mut().filter(|detail| detail.id == id) {
        detail.data = data;
        detail.scroll_to(detail.scroll);
        state.dirty = true;
    }
}

/// Takes in a failure: of one question, or of the whole connection.
pub(super) fn load_failed(state: &mut State, load: &Load, error: ClientError) -> Vec<Effect> {
    state.dirty = true;
    match load {
        Load::Status => state.status_asked = false,
        Load::Users { ticket, .. } => _ = state.users.end(*ticket),
        Load::Rooms { ticket, .. } => _ = state.rooms.end(*ticket),
        Load::Tokens { ticket } => _ = state.tokens.end(*ticket),
        Load::Log { ticket, .. } => _ = state.log.end(*ticket),
        Load::Servers { ticket, .. } => _ = state.servers.end(*ticket),
        Load::Relay => state.calls.end(),
        Load::RelayTest => calls::not_tested(state, &error),
        Load::Jobs | Load::User(_) | Load::Room(_) | Load::Server(_) => {}
    }
    if error.is_down() {
        state.link = Link::Down(error);
        return Vec::new();
    }
    if let Load::User(id) | Load::Room(id) | Load::Server(id) = load
        && state.detail.as_ref().is_some_and(|detail| detail.id == *id && matches!(detail.data, DetailData::Waiting))
    {
        state.detail = None;
    }
    if *load != Load::RelayTest {
        state.complain(error.to_string());
    }
    Vec::new()
}

/// Takes in what came of a change, and loads what it changed.
pub(super) fn changed(state: &mut State, change: Change, result: Result<Outcome, ClientError>) -> Vec<Effect> {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            state.complain(error.to_string());
            if error.is_down() {
                state.link = Link::Down(error);
            }
            return Vec::new();
        }
    };
    tell(state, change, outcome);
    match state.screen {
        Screen::Users | Screen::Tokens => load::screen(state),
        Screen::Calls => load::relay(state).into_iter().collect(),
        Screen::Dashboard | Screen::Rooms | Screen::Log | Screen::Federation => Vec::new(),
    }
}

fn tell(state: &mut State, change: Change, outcome: Outcome) {
    match (change, outcome) {
        (_, Outcome::Password { user, password: Some(password) }) => show_password(state, &user, password),
        (Change::CreateUser(_), Outcome::Password { user, .. }) => state.say(say::created(&safe_text(&user))),
        (_, Outcome::Token(token)) => show_token(state, token),
        (Change::SetLocked { user, locked }, _) => {
            let name = safe_text(&user);
            state.say(if locked { say::locked(&name) } else { say::unlocked(&name) });
            let change = Change::SetLocked { user, locked: !locked };
            state.undo = Some(Undo { change, until: state.ticks + UNDO_S });
        }
        (Change::SetAdmin { user, admin }, _) => state.say(say::admin_set(&safe_text(&user), admin)),
        (Change::LogoutEverywhere { user }, Outcome::LoggedOut { devices }) => {
            state.say(say::logged_out(&safe_text(&user), devices));
        }
        (Change::Deactivate { user, .. }, _) => state.say(say::deactivated(&safe_text(&user))),
        (Change::RevokeToken(token), _) => state.say(say::revoked(&safe_text(&token))),
        (Change::ResetPassword { .. }, _) => state.say(strings::PASSWORD_CHANGED),
        (Change::RetryServer(_), Outcome::Server(server)) => {
            let waiting = server.sending || server.waiting() > 0;
            state.say(say::retried(&safe_text(&server.server_name), waiting));
            self::server(state, server);
        }
        (Change::Disconnect { user, .. }, _) => state.say(say::disconnected(&safe_text(&user), 1)),
        (Change::DisconnectAll { user }, Outcome::Disconnected { allocations }) => {
            state.say(say::disconnected(&safe_text(&user), allocations));
        }
        (
            Change::CreateUser(_)
            | Change::CreateToken(_)
            | Change::LogoutEverywhere { .. }
            | Change::RetryServer(_)
            | Change::DisconnectAll { .. },
            _,
        ) => {}
    }
}

fn show_password(state: &mut State, user: &str, password: String) {
    state.overlay = Some(Overlay::Secret {
        title: say::password_title(&safe_text(user)),
        lines: vec![safe_text(&password), String::new(), strings::SHOWN_ONCE.to_owned()],
        copy: password,
    });
}

fn show_token(state: &mut State, token: RegistrationToken) {
    state.overlay = Some(Overlay::Info {
        title: strings::NEW_TOKEN.to_owned(),
        lines: vec![strings::TOKEN_MADE.to_owned(), String::new(), safe_text(&token.token)],
        scroll: 0,
        copy: token.token,
    });
}
