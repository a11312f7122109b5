//! Processes responses: status reports, rows, errors, and results of changes.

use crate::client::ClientError;
use crate::text::safe_text;
use crate::tui::message::{Change, Effect, Load, Loaded, Outcome};
use crate::tui::state::{DetailData, Link, Overlay, Screen, State, Undo};
use crate::tui::strings::{self, phrase};
use crate::wire::{Destination, Page, RegistrationToken, Status};

use super::{calls, load, navigation};

/// How long a change can be undone, in seconds.
const UNDO_S: u64 = 10;

/// Processes a response with data.
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

/// Records that the server responds. Returns whether it was unreachable before, in which case the screen
/// reloads.
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
    let last = navigation::problems(state).count().saturating_sub(1);
    state.problem = state.problem.min(last);
}

/// Updates another server in the list and in the detail view.
fn server(state: &mut State, server: Box<Destination>) {
    state.dirty = true;
    state.servers.replace((*server).clone());
    let name = server.server_name.clone();
    detail(state, &name, DetailData::Server(server));
}

/// Sets the data of the detail view, unless another item has been opened meanwhile.
fn detail(state: &mut State, id: &str, data: DetailData) {
    if let Some(detail) = state.detail.as_mut().filter(|detail| detail.id == id) {
        detail.data = data;
        detail.scroll_to(detail.scroll);
        state.dirty = true;
    }
}

/// Processes a failure, of one request or of the connection.
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
        state.notify_error(error.to_string());
    }
    Vec::new()
}

/// Processes the result of a change, and reloads what it affects.
pub(super) fn changed(state: &mut State, change: Change, result: Result<Outcome, ClientError>) -> Vec<Effect> {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            state.notify_error(error.to_string());
            if error.is_down() {
                state.link = Link::Down(error);
            }
            return Vec::new();
        }
    };
    announce(state, change, outcome);
    match state.screen {
        Screen::Users | Screen::Tokens => load::screen(state),
        Screen::Calls => load::relay(state).into_iter().collect(),
        Screen::Dashboard | Screen::Rooms | Screen::Log | Screen::Federation => Vec::new(),
    }
}

fn announce(state: &mut State, change: Change, outcome: Outcome) {
    match (change, outcome) {
        (_, Outcome::Password { user, password: Some(password) }) => show_password(state, &user, password),
        (Change::CreateUser(_), Outcome::Password { user, .. }) => state.notify(phrase::created(&safe_text(&user))),
        (_, Outcome::Token(token)) => show_token(state, token),
        (Change::SetLocked { user, locked }, _) => {
            let name = safe_text(&user);
            state.notify(if locked { phrase::locked(&name) } else { phrase::unlocked(&name) });
            let change = Change::SetLocked { user, locked: !locked };
            state.undo = Some(Undo { change, until: state.ticks + UNDO_S });
        }
        (Change::SetAdmin { user, admin }, _) => state.notify(phrase::admin_set(&safe_text(&user), admin)),
        (Change::LogoutEverywhere { user }, Outcome::LoggedOut { devices }) => {
            state.notify(phrase::logged_out(&safe_text(&user), devices));
        }
        (Change::Deactivate { user, .. }, _) => state.notify(phrase::deactivated(&safe_text(&user))),
        (Change::RevokeToken(token), _) => state.notify(phrase::revoked(&safe_text(&token))),
        (Change::ResetPassword { .. }, _) => state.notify(strings::PASSWORD_CHANGED),
        (Change::RetryServer(_), Outcome::Server(server)) => {
            let waiting = server.sending || server.waiting() > 0;
            state.notify(phrase::retried(&safe_text(&server.server_name), waiting));
            self::server(state, server);
        }
        (Change::Disconnect { user, .. }, _) => state.notify(phrase::disconnected(&safe_text(&user), 1)),
        (Change::DisconnectAll { user }, Outcome::Disconnected { allocations }) => {
            state.notify(phrase::disconnected(&safe_text(&user), allocations));
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
        title: phrase::password_title(&safe_text(user)),
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
