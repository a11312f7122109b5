//! The rows of the table of other homeservers, and the facts about one of them.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};

use ratatui::style::Style;

use crate::tui::parts::{Column, DetailPage, Row};
use crate::tui::strings::{NONE, UNREACHABLE};
use crate::tui::view::facts::facts;
use crate::tui::view::format::{count, dated, seen, until};
use crate::tui::view::theme::Theme;
use crate::wire::Destination;

use super::strings;

impl Row for Destination {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("Server", 0, 0, |server, _| server.server_name.clone())
            .sorted(|a, b| a.server_name.cmp(&b.server_name)),
        // Unreachable servers first, the longest unreachable at the top.
        Column::<Self>::text("State", 7, 0, |server, _| word(server).to_owned())
            .sorted(|a, b| by_time(a.failing_since_ms, b.failing_since_ms)),
        Column::<Self>::figure("Waiting", 8, 0, |server, _| count(waiting(server)))
            .sorted(|a, b| waiting(b).cmp(&waiting(a))),
        Column::<Self>::text("Last sent", 10, 76, |server, shared| seen(server.last_success_ms, shared.now_ms()))
            .sorted(|a, b| Reverse(a.last_success_ms).cmp(&Reverse(b.last_success_ms))),
        Column::<Self>::text("Next try", 9, 52, |server, shared| next_try(server, shared.now_ms()))
            .sorted(|a, b| by_time(a.retry_at_ms, b.retry_at_ms)),
        Column::<Self>::text("Why", 0, 76, |server, _| server.reason.clone().unwrap_or_default()),
    ];
    const EMPTY: &'static str = "Nothing has been sent to another server yet.";

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.server_name)
    }

    fn searchable_text(&self) -> String {
        format!("{} {}", self.server_name, self.reason.as_deref().unwrap_or_default())
    }

    fn style(&self, theme: Theme) -> Style {
        if self.reachable { Style::new() } else { theme.warning() }
    }
}

impl DetailPage for Destination {
    const TABS: &'static [&'static str] = &strings::SERVER_TABS;

    fn lines(&self, _tab: usize, now_ms: u64, columns: usize) -> Vec<String> {
        let when = |ms: Option<u64>| dated(ms, now_ms);
        let queued = strings::waiting(&count(self.queued_events), &count(self.queued_edus));
        let mut all =
            vec![("State", word(self).to_owned()), ("Waiting", queued), ("Last sent", when(self.last_success_ms))];
        if self.left_out > 0 {
            let reason = self.left_out_reason.as_deref().unwrap_or(NONE);
            all.push(("Left out", format!("{}: {reason}", count(self.left_out))));
        }
        if self.given_up > 0 {
            let reason = self.given_up_reason.as_deref().unwrap_or(NONE);
            all.push(("Given up", strings::given_up(&count(self.given_up), &when(self.given_up_at_ms), reason)));
        }
        if !self.reachable {
            let is_idle = waiting(self) == 0 && !self.sending;
            let next = if is_idle { strings::WHEN_NEEDED.to_owned() } else { next_try(self, now_ms) };
            all.extend([
                ("Away since", when(self.failing_since_ms)),
                ("Attempts", count(self.failures.into())),
                ("Next try", next),
                ("Why", self.reason.clone().unwrap_or_else(|| NONE.to_owned())),
            ]);
        }
        facts(columns, &all)
    }
}

/// The earliest first, never last.
fn by_time(a: Option<u64>, b: Option<u64>) -> Ordering {
    a.unwrap_or(u64::MAX).cmp(&b.unwrap_or(u64::MAX))
}

/// Events and EDUs queued for the server.
pub(super) fn waiting(server: &Destination) -> u64 {
    server.queued_events.saturating_add(server.queued_edus)
}

fn word(server: &Destination) -> &'static str {
    match (server.reachable, server.sending) {
        (true, false) => strings::REACHED,
        (true, true) => strings::SENDING,
        (false, true) => strings::TRYING,
        (false, false) => UNREACHABLE,
    }
}

fn next_try(server: &Destination, now_ms: u64) -> String {
    match server.retry_at_ms {
        _ if server.sending => strings::AT_ONCE.to_owned(),
        // Without queued events the server makes no attempts.
        _ if waiting(server) == 0 => NONE.to_owned(),
        None => NONE.to_owned(),
        Some(at_ms) => until(at_ms, now_ms),
    }
}
