//! Testing the relay, and disconnecting clients.

use crate::client::ClientError;
use crate::text::safe_text;
use crate::tui::parts::Pane;
use crate::tui::request::Http;
use crate::tui::screen::{Context, Question};
use crate::tui::strings::OFFLINE;
use crate::tui::view::format;
use crate::wire::{Done, RelayCheck, RelayCheckList, RelayEnded, paths};

use super::{AllocationRow, Calls, CallsPart, RelayTestResult, RelayUserRow, strings};

type Cx<'a> = Context<'a, Calls>;

impl Calls {
    /// Starts a test of every relay URI.
    pub(super) fn start_test(&mut self, cx: &mut Cx<'_>) {
        if !cx.shared.is_up() {
            return cx.shared.notify_error(OFFLINE);
        }
        if self.test.since.is_some() {
            return cx.shared.notify_error(strings::TEST_RUNS);
        }
        self.detail.close();
        self.show(CallsPart::Test);
        self.test.since = Some(cx.shared.ticks);
        let test = Http::post(paths::RELAY_TEST, &Done {});
        let tested = test.then(|screen: &mut Self, list: RelayCheckList, cx| screen.tested(Ok(list.items), cx));
        cx.load("test", tested.or_else(Self::not_tested));
    }

    /// Records the result of a test.
    fn tested(&mut self, result: Result<Vec<RelayCheck>, String>, cx: &mut Cx<'_>) {
        self.test.since = None;
        self.test.last = Some(RelayTestResult { at_ms: cx.shared.now_ms(), result });
    }

    /// Records that a test could not run. Shows the reason as a test result; as a notice if no relay runs, because
    /// there are then no parts.
    fn not_tested(&mut self, error: &ClientError, cx: &mut Cx<'_>) {
        if !self.is_absent() {
            return self.tested(Err(error.to_string()), cx);
        }
        self.test.since = None;
        cx.shared.notify_error(error.to_string());
    }

    /// The relayed address that actions apply to: the opened one, or the selected one.
    pub(super) fn target(&self) -> Option<&AllocationRow> {
        match self.part {
            _ if self.detail.is_open() => self.detail.data(),
            CallsPart::Now => self.now.selected(),
            CallsPart::Users | CallsPart::Relay | CallsPart::Test => None,
        }
    }

    /// The user that actions apply to: the owner of the relayed address, or the selected one.
    pub(super) fn target_user(&self) -> Option<&RelayUserRow> {
        let person = match self.part {
            CallsPart::Users => self.users.selected(),
            _ => self.target().and_then(|call| self.users.find(&call.allocation.user_id)),
        };
        person.filter(|person| person.user.allocations > 0)
    }

    /// Ends one relayed address; in the list of users, all of the selected one.
    pub(super) fn disconnect(&mut self, cx: &mut Cx<'_>) {
        if self.part == CallsPart::Users {
            return self.disconnect_all(cx);
        }
        let Some(call) = self.target() else { return cx.nothing_selected() };
        let allocation = &call.allocation;
        let name = safe_text(&allocation.user_id);
        let lines = strings::disconnect_lines(
            &safe_text(&allocation.client),
            &format::span(allocation.age_s),
            &format::bytes(call.bytes()),
        );
        let id = allocation.id.clone();
        cx.confirm(question(&name, lines), move |_| {
            Http::delete(paths::relay_allocation(&id))
                .then(move |_: &mut Self, Done {}, cx| cx.shared.notify(strings::disconnected(&name, 1)))
        });
    }

    /// Ends all relayed addresses of a user.
    pub(super) fn disconnect_all(&mut self, cx: &mut Cx<'_>) {
        let Some(RelayUserRow { user, .. }) = self.target_user() else {
            let is_selected = self.part == CallsPart::Users && self.users.selected().is_some();
            let why = if is_selected { strings::NO_RELAYED_ADDRESS } else { return cx.nothing_selected() };
            return cx.shared.notify_error(why);
        };
        let (id, name) = (user.user_id.clone(), safe_text(&user.user_id));
        let lines = strings::disconnect_all_lines(u64::from(user.allocations));
        cx.confirm(question(&name, lines), move |_| {
            Http::delete(paths::relay_user(&id)).then(move |_: &mut Self, ended: RelayEnded, cx| {
                cx.shared.notify(strings::disconnected(&name, ended.allocations));
            })
        });
    }
}

fn question(name: &str, lines: Vec<String>) -> Question {
    let title = strings::disconnect_title(name);
    Question { title, lines, verb: strings::VERB_DISCONNECT, danger: true, toggle: None }
}
