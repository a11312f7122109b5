//! The relay for calls: testing it, and what to ask before somebody is disconnected.

use crate::client::ClientError;
use crate::text::safe_text;
use crate::tui::message::{Change, Effect, Load};
use crate::tui::state::{CallsPart, DetailData, Held, MenuItem, Overlay, Person, State, Tested};
use crate::tui::strings::{self, say, verb};
use crate::tui::view::format;
use crate::wire::{RelayCheck, RelayStatus};

use super::act;

/// What the menu of this screen offers.
pub(super) fn items(state: &State) -> Vec<(char, MenuItem)> {
    let mut items = vec![('t', MenuItem::TestCalls)];
    if one(state).is_some() {
        items.push(('x', MenuItem::Disconnect));
    }
    if selected_user(state).is_some() {
        items.push(('o', MenuItem::DisconnectAll));
    }
    items
}

/// What the key for disconnecting begins: on the list of people, it is about all that somebody holds.
pub(super) fn disconnect_item(state: &State) -> MenuItem {
    if state.calls.part == CallsPart::People { MenuItem::DisconnectAll } else { MenuItem::Disconnect }
}

/// Begins to try every way to the relay.
pub(super) fn test(state: &mut State) -> Vec<Effect> {
    let calls = &state.calls;
    let obstacles = [(!state.is_up(), strings::OFFLINE), (calls.test.since.is_some(), strings::TEST_RUNS)];
    if let Some((_, obstacle)) = obstacles.into_iter().find(|(stands, _)| *stands) {
        state.complain(obstacle);
        return Vec::new();
    }
    state.detail = None;
    state.calls.show(CallsPart::Test);
    state.calls.test.since = Some(state.ticks);
    vec![Effect::Load(Load::RelayTest)]
}

/// Takes in what came of a test.
pub(super) fn tested(state: &mut State, result: Result<Vec<RelayCheck>, String>) {
    state.dirty = true;
    state.calls.test.since = None;
    state.calls.test.last = Some(Tested { at_ms: state.now_ms(), result });
}

/// Takes in that there was no test. Where there is a place for it, it stays in sight; where no relay runs, the screen says that.
pub(super) fn not_tested(state: &mut State, error: &ClientError) {
    if !state.calls.is_absent() {
        return tested(state, Err(error.to_string()));
    }
    state.dirty = true;
    state.calls.test.since = None;
    state.complain(error.to_string());
}

/// Takes in a look at the relay.
pub(super) fn arrived(state: &mut State, relay: RelayStatus) {
    state.dirty |= state.calls.arrive(relay);
    let Some(opened) = state.detail.as_mut().filter(|detail| matches!(detail.data, DetailData::Call(_))) else {
        return;
    };
    match state.calls.now.find(&opened.id) {
        Some(call) => {
            opened.data = DetailData::Call(Box::new(call.clone()));
            opened.scroll_to(opened.scroll);
        }
        None => {
            state.detail = None;
            state.say(strings::CALL_ENDED);
        }
    }
    state.dirty = true;
}

/// The relayed address that actions are about: the opened one, or the one under the cursor.
fn one(state: &State) -> Option<&Held> {
    match (&state.detail, state.calls.part) {
        (Some(detail), _) => match &detail.data {
            DetailData::Call(call) => Some(call),
            _ => None,
        },
        (None, CallsPart::Now) => state.calls.now.selected(),
        (None, _) => None,
    }
}

/// The user that actions are about: whose the relayed address is, or the one under the cursor.
fn selected_user(state: &State) -> Option<&Person> {
    let person = match state.calls.part {
        CallsPart::People => state.calls.people.selected(),
        _ => one(state).and_then(|call| state.calls.people.find(&call.allocation.user_id)),
    };
    person.filter(|person| person.user.allocations > 0)
}

/// Asks whether one relayed address shall end.
pub(super) fn ask_one(state: &State) -> Option<Overlay> {
    let call = one(state)?;
    let allocation = &call.allocation;
    let (id, user) = (allocation.id.clone(), allocation.user_id.clone());
    let lines = say::disconnect_lines(
        &safe_text(&allocation.client),
        &format::span(allocation.age_s),
        &format::bytes(call.bytes()),
    );
    let title = say::disconnect_title(&safe_text(&user));
    let ask = act::ask(title, lines, verb::DISCONNECT, Change::Disconnect { id, user });
    Some(Overlay::Confirm(act::danger(ask)))
}

/// Asks whether all relayed addresses of a user shall end.
pub(super) fn ask_all(state: &State) -> Option<Overlay> {
    let Person { user, .. } = selected_user(state)?;
    let lines = say::disconnect_all_lines(u64::from(user.allocations));
    let title = say::disconnect_title(&safe_text(&user.user_id));
    let change = Change::DisconnectAll { user: user.user_id.clone() };
    Some(Overlay::Confirm(act::danger(act::ask(title, lines, verb::DISCONNECT, change))))
}
