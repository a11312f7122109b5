//! The rows of the table of application services.

use std::borrow::Cow;
use std::cmp::Reverse;

use ratatui::style::Style;

use crate::tui::parts::{Column, Row};
use crate::tui::strings::{NONE, UNREACHABLE};
use crate::tui::view::format::{count, seen};
use crate::tui::view::theme::Theme;
use crate::wire::Appservice;

use super::strings;

impl Row for Appservice {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("Service", 0, 0, |service, _| service.id.clone()).sorted(|a, b| a.id.cmp(&b.id)),
        // Those that fail first, the longest failing at the top.
        Column::<Self>::text("State", 9, 0, |service, _| word(service).to_owned())
            .sorted(|a, b| (Reverse(a.failures), a.disabled).cmp(&(Reverse(b.failures), b.disabled))),
        Column::<Self>::figure("Waiting", 8, 0, |service, _| match service.behind_events {
            0 => NONE.to_owned(),
            behind => count(behind),
        })
        .sorted(|a, b| b.behind_events.cmp(&a.behind_events)),
        Column::<Self>::text("Last sent", 10, 0, |service, shared| seen(service.last_success_ms, shared.now_ms()))
            .sorted(|a, b| Reverse(a.last_success_ms).cmp(&Reverse(b.last_success_ms))),
        Column::<Self>::text("Last error", 0, 76, |service, _| service.last_error.clone().unwrap_or_default()),
    ];
    const EMPTY: &'static str = "No bridges or bots. Press n to add one by its registration.";

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }

    fn searchable_text(&self) -> String {
        let (url, error) = (self.url.as_deref().unwrap_or_default(), self.last_error.as_deref().unwrap_or_default());
        format!("{} {} {url} {error}", self.id, self.sender)
    }

    fn style(&self, theme: Theme) -> Style {
        match self {
            Self { url: None, .. } => theme.dim(),
            Self { disabled: true, .. } => theme.warning(),
            Self { failures: 0, .. } => Style::new(),
            _ => theme.warning(),
        }
    }
}

/// The state in a word.
pub(super) fn word(service: &Appservice) -> &'static str {
    match service {
        Appservice { url: None, .. } => strings::NO_URL,
        Appservice { disabled: true, .. } => strings::STOPPED,
        Appservice { failures: 0, .. } => strings::UP,
        _ => UNREACHABLE,
    }
}
