//! The table of other homeservers, and the details of one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::state::{Screen, State};
use crate::tui::strings::{self, phrase};
use crate::wire::Destination;

use super::detail::facts;
use super::format::{ago, count, date, span};
use super::table::{self, Column};
use super::theme::Theme;
use super::users::seen;

const COLUMNS: &[Column<Destination>] = &[
    Column::text("Server", 0, 0, |server: &Destination, _| server.server_name.clone()).sorted(0),
    Column::text("State", 7, 0, |server: &Destination, _| word(server).to_owned()).sorted(1),
    Column::figure("Waiting", 8, 0, |server: &Destination, _| count(server.waiting())).sorted(2),
    Column::text("Last sent", 10, 76, |server: &Destination, state| seen(server.last_success_ms, state.now_ms()))
        .sorted(3),
    Column::text("Next try", 9, 52, |server: &Destination, state| next_try(server, state.now_ms())).sorted(4),
    Column::text("Why", 0, 76, |server: &Destination, _| server.reason.clone().unwrap_or_default()),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State) {
    table::draw(frame, area, state, &state.servers, COLUMNS, strings::empty(Screen::Federation), style);
}

fn style(theme: Theme, server: &Destination) -> Style {
    if server.reachable { Style::new() } else { theme.warning() }
}

fn word(server: &Destination) -> &'static str {
    match (server.reachable, server.sending) {
        (true, false) => strings::REACHED,
        (true, true) => strings::SENDING,
        (false, true) => strings::TRYING,
        (false, false) => strings::UNREACHABLE,
    }
}

fn next_try(server: &Destination, now_ms: u64) -> String {
    match server.retry_at_ms {
        _ if server.sending => strings::AT_ONCE.to_owned(),
        // Without queued events the server makes no attempts.
        _ if server.waiting() == 0 => strings::NONE.to_owned(),
        None => strings::NONE.to_owned(),
        Some(at_ms) if at_ms <= now_ms => strings::DUE.to_owned(),
        Some(at_ms) => phrase::in_time(&span((at_ms - now_ms).div_ceil(1_000))),
    }
}

/// The details of a server.
pub(super) fn lines(server: &Destination, now_ms: u64, columns: usize) -> Vec<String> {
    let when = |ms: Option<u64>| {
        ms.map_or_else(|| strings::NEVER.to_owned(), |ms| format!("{}, {}", date(ms), ago(now_ms, ms)))
    };
    let waiting = phrase::waiting(&count(server.queued_events), &count(server.queued_edus));
    let mut all =
        vec![("State", word(server).to_owned()), ("Waiting", waiting), ("Last sent", when(server.last_success_ms))];
    if server.left_out > 0 {
        let reason = server.left_out_reason.as_deref().unwrap_or(strings::NONE);
        all.push(("Left out", format!("{}: {reason}", count(server.left_out))));
    }
    if !server.reachable {
        let idle = server.waiting() == 0 && !server.sending;
        let next = if idle { strings::WHEN_NEEDED.to_owned() } else { next_try(server, now_ms) };
        all.extend([
            ("Away since", when(server.failing_since_ms)),
            ("Attempts", count(server.failures.into())),
            ("Next try", next),
            ("Why", server.reason.clone().unwrap_or_else(|| strings::NONE.to_owned())),
        ]);
    }
    facts(columns, &all)
}
