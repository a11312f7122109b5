//! The calls screen: testing the relay, and confirmations for disconnecting clients.

use crate::client::ClientError;
use crate::text::safe_text;
use crate::tui::message::{Change, Effect, Load};
use crate::tui::state::{
    AllocationRow, CallsPart, DetailData, MenuItem, Overlay, RelayTestResult, RelayUserRow, State,
};
use crate::tui::strings::{self, phrase, verb};
use crate::tui::view::format;
use crate::wire::{RelayCheck, RelayStatus};

use super::actions;

/// The items of the screen's menu.
pub(super) fn items(state: &State) -> Vec<(char, MenuItem)> {
    let mut items = vec![('t', MenuItem::TestCalls)];
    if target_allocation(state).is_some() {
        items.push(('x', MenuItem::Disconnect));
    }
    if target_relay_user(state).is_some() {
        items.push(('o', MenuItem::DisconnectAll));
    }
    items
}

/// The action of the disconnect key: all relayed addresses of a user in the list of users, one otherwise.
pub(super) fn disconnect_item(state: &State) -> MenuItem {
    if state.calls.part == CallsPart::Users { MenuItem::DisconnectAll } else { MenuItem::Disconnect }
}

/// Starts a test of every relay URI.
pub(super) fn test(state: &mut State) -> Vec<Effect> {
    let calls = &state.calls;
    let obstacles = [(!state.is_up(), strings::OFFLINE), (calls.test.since.is_some(), strings::TEST_RUNS)];
    if let Some((_, obstacle)) = obstacles.into_iter().find(|(stands, _)| *stands) {
        state.notify_error(obstacle);
        return Vec::new();
    }
    state.detail = None;
    state.calls.show(CallsPart::Test);
    state.calls.test.since = Some(state.ticks);
    vec![Effect::Load(Load::RelayTest)]
}

/// Records the result of a test.
pub(super) fn tested(state: &mut State, result: Result<Vec<RelayCheck>, String>) {
    state.dirty = true;
    state.calls.test.since = None;
    state.calls.test.last = Some(RelayTestResult { at_ms: state.now_ms(), result });
}

/// Records that a test could not run. Shows the reason as a test result; as a notice if no relay runs, because
/// there are then no parts.
pub(super) fn not_tested(state: &mut State, error: &ClientError) {
    if !state.calls.is_absent() {
        return tested(state, Err(error.to_string()));
    }
    state.dirty = true;
    state.calls.test.since = None;
    state.notify_error(error.to_string());
}

/// Processes a response with the relay's status.
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
            state.notify(strings::CALL_ENDED);
        }
    }
    state.dirty = true;
}

/// The relayed address that actions apply to: the opened one, or the selected one.
fn target_allocation(state: &State) -> Option<&AllocationRow> {
    match (&state.detail, state.calls.part) {
        (Some(detail), _) => match &detail.data {
            DetailData::Call(call) => Some(call),
            _ => None,
        },
        (None, CallsPart::Now) => state.calls.now.selected(),
        (None, _) => None,
    }
}

/// The user that actions apply to: the owner of the relayed address, or the selected one.
fn target_relay_user(state: &State) -> Option<&RelayUserRow> {
    let person = match state.calls.part {
        CallsPart::Users => state.calls.users.selected(),
        _ => target_allocation(state).and_then(|call| state.calls.users.find(&call.allocation.user_id)),
    };
    person.filter(|person| person.user.allocations > 0)
}

/// The confirmation for ending one relayed address.
pub(super) fn ask_one(state: &State) -> Option<Overlay> {
    let call = target_allocation(state)?;
    let allocation = &call.allocation;
    let (id, user) = (allocation.id.clone(), allocation.user_id.clone());
    let lines = phrase::disconnect_lines(
        &safe_text(&allocation.client),
        &format::span(allocation.age_s),
        &format::bytes(call.bytes()),
    );
    let title = phrase::disconnect_title(&safe_text(&user));
    let ask = actions::ask(title, lines, verb::DISCONNECT, Change::Disconnect { id, user });
    Some(Overlay::Confirm(actions::danger(ask)))
}

/// The confirmation for ending all relayed addresses of a user.
pub(super) fn ask_all(state: &State) -> Option<Overlay> {
    let RelayUserRow { user, .. } = target_relay_user(state)?;
    let lines = phrase::disconnect_all_lines(u64::from(user.allocations));
    let title = phrase::disconnect_title(&safe_text(&user.user_id));
    let change = Change::DisconnectAll { user: user.user_id.clone() };
    Some(Overlay::Confirm(actions::danger(actions::ask(title, lines, verb::DISCONNECT, change))))
}
