//! The relay for calls: current relayed addresses, usage per user, the relay's status, and the test of its URIs.

mod actions;
mod rates;
mod rows;
#[cfg(test)]
mod samples;
mod strings;
#[cfg(test)]
mod tests;
mod view;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::parts::{Detail, List, Panes, PanesMut, Table};
use crate::tui::request::Http;
use crate::tui::screen::{Action, Command, Context, Screen, Step};
use crate::tui::state::Shared;
use crate::wire::{RelayAllocation, RelayCheck, RelayStatus, RelayUser, areas, paths};

use rates::Rates;
pub(crate) use rows::{AllocationRow, RelayUserRow};

/// The screen.
#[derive(Default)]
pub(crate) struct Calls {
    /// The latest response. Its lists are in `now` and `users`.
    relay: Option<RelayStatus>,
    pub(crate) part: CallsPart,
    pub(crate) now: Table<AllocationRow>,
    pub(crate) users: Table<RelayUserRow>,
    /// The opened relayed address, which is part of the relay's status.
    detail: Detail<AllocationRow>,
    pub(crate) test: RelayTest,
    /// First visible line of a text part.
    pub(crate) scroll: usize,
    allocation_rates: Rates,
    user_rates: Rates,
}

/// The parts (tabs) of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CallsPart {
    /// Current relayed addresses.
    #[default]
    Now,
    /// Usage per user.
    Users,
    /// Status and refusals.
    Relay,
    /// The last test result.
    Test,
}

/// The relay test.
#[derive(Debug, Default)]
pub(crate) struct RelayTest {
    /// The tick at which the running test started.
    pub(crate) since: Option<u64>,
    last: Option<RelayTestResult>,
}

/// The result of a test.
#[derive(Debug)]
struct RelayTestResult {
    /// When it ended, by the server's clock in milliseconds.
    at_ms: u64,
    /// The checks, or why the test failed, safe to print.
    result: Result<Vec<RelayCheck>, String>,
}

impl Screen for Calls {
    const NAME: &'static str = "Calls";
    const COMMAND: (&'static str, &'static str) = ("calls", "the relay for calls");
    const COMMANDS: &'static [Command<Self>] = &[Command::action("test-calls", "test every relay URI", 't')];
    const ACTIONS: &'static [Action<Self>] = &[
        // Changes nothing permanently, so a read-only dashboard may do it.
        Action::key('t', "test", "test every relay URI", Self::start_test).labelled(|_| Some("Test every relay URI")),
        Action::key('x', "disconnect", "disconnect (asks first)", Self::disconnect)
            .labelled(|screen| screen.target().map(|_| "Disconnect this relayed address..."))
            .changing(),
        Action::item(
            'o',
            |screen| screen.target_user().map(|_| "Disconnect all of this user..."),
            Self::disconnect_all,
        )
        .changing(),
    ];
    const AREA: Option<&'static str> = Some(areas::RELAY);
    const BAR: &'static [&'static str] = &["← → tab", "t", "x", "Enter"];
    const DETAIL_BAR: &'static [&'static str] = &["Esc", "Tab next tab", "x", "y"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        cx.load("relay", Http::get(paths::RELAY).then(Self::arrived));
    }

    fn live(&mut self, cx: &mut Context<'_, Self>) {
        self.load(cx);
    }

    fn panes(&self) -> Panes<'_> {
        let list: Option<&dyn List> = match self.part {
            _ if self.is_absent() => None,
            CallsPart::Now => Some(&self.now),
            CallsPart::Users => Some(&self.users),
            CallsPart::Relay | CallsPart::Test => None,
        };
        Panes { list, detail: Some(&self.detail) }
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        let list: Option<&mut dyn List> = match self.part {
            _ if self.is_absent() => None,
            CallsPart::Now => Some(&mut self.now),
            CallsPart::Users => Some(&mut self.users),
            CallsPart::Relay | CallsPart::Test => None,
        };
        PanesMut { list, detail: Some(&mut self.detail) }
    }

    /// Opens the selected relayed address, whose data is already loaded. For a user, lists their relayed addresses.
    fn open(&mut self, _cx: &mut Context<'_, Self>) {
        match self.part {
            CallsPart::Now => {
                if let Some(call) = self.now.selected() {
                    self.detail.open(call.allocation.id.clone(), Some(call.clone()));
                }
            }
            CallsPart::Users => {
                if let Some(user) = self.users.selected_key() {
                    self.show(CallsPart::Now);
                    self.now.set_filter(&user);
                }
            }
            CallsPart::Relay | CallsPart::Test => {}
        }
    }

    /// Scrolls the text of a part without a list.
    fn step(&mut self, step: Step, cx: &mut Context<'_, Self>) {
        let max = view::text_scroll_max(self, cx.shared);
        // The text may have become shorter.
        self.scroll = step.from(self.scroll.min(max), cx.shared.page_rows(), max);
    }

    fn turn(&mut self, steps: isize) {
        let count = CallsPart::ALL.len();
        self.show(CallsPart::ALL[self.part.index().saturating_add_signed(steps + count.cast_signed()) % count]);
    }

    /// The seconds of a running test.
    fn is_ticking(&self) -> bool {
        self.test.since.is_some()
    }

    fn bar(&self) -> &'static [&'static str] {
        if self.is_absent() { &["t", "r", ":"] } else { Self::BAR }
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared) {
        match self.panes().opened() {
            Some(detail) => detail.draw(frame, area, shared),
            None => view::draw(frame, area, self, shared),
        }
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl CallsPart {
    const ALL: [Self; 4] = [Self::Now, Self::Users, Self::Relay, Self::Test];

    /// Index in [`CallsPart::ALL`].
    fn index(self) -> usize {
        Self::ALL.iter().position(|part| *part == self).unwrap_or(0)
    }
}

impl Calls {
    /// Whether the server runs no relay. The screen then shows the reason instead of the parts.
    fn is_absent(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| !relay.running)
    }

    /// Shows a part.
    fn show(&mut self, part: CallsPart) {
        self.part = part;
        self.scroll = 0;
    }

    fn arrived(&mut self, relay: RelayStatus, cx: &mut Context<'_, Self>) {
        if !self.take(relay) {
            cx.unchanged();
        }
        let Some(id) = self.detail.id().map(str::to_owned) else { return };
        match self.now.find(&id) {
            Some(call) => self.detail.arrive(&id, call.clone()),
            None => {
                self.detail = Detail::default();
                cx.shared.notify(strings::CALL_ENDED);
            }
        }
    }

    /// Takes a response. Returns whether anything visible changed.
    fn take(&mut self, relay: RelayStatus) -> bool {
        let held = relay.allocations.iter();
        self.allocation_rates
            .update(relay.now_ms, held.map(|one| (one.id.as_str(), one.bytes_out.saturating_add(one.bytes_in))));
        let users = relay.users.iter();
        self.user_rates.update(relay.now_ms, users.map(|one| (one.user_id.as_str(), one.relayed_bytes)));
        let held =
            |one: &RelayAllocation| AllocationRow { allocation: one.clone(), rate: self.allocation_rates.of(&one.id) };
        let person = |one: &RelayUser| RelayUserRow { user: one.clone(), rate: self.user_rates.of(&one.user_id) };
        // The server's clock always differs; that alone needs no redraw.
        let known = |former: &RelayStatus| RelayStatus { now_ms: relay.now_ms, ..former.clone() } == relay;
        let mut new = !self.relay.as_ref().is_some_and(known);
        new |= self.now.fill(relay.allocations.iter().map(held).collect());
        new |= self.users.fill(relay.users.iter().map(person).collect());
        self.relay = Some(relay);
        new
    }

    /// Bytes per second of all users. `None` before the second response.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.allocation_rates.total()
    }

    /// Number of relay URIs to test.
    fn ways(&self) -> usize {
        self.relay.as_ref().map_or(0, |relay| relay.uris.len())
    }
}
