//! The table of registration tokens.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::state::{Screen, State};
use crate::tui::strings;
use crate::wire::RegistrationToken;

use super::format;
use super::table::{self, Column};
use super::theme::Theme;

const COLUMNS: &[Column<RegistrationToken>] = &[
    Column::text("Token", 0, 0, |token: &RegistrationToken, _| token.token.clone()).sorted(0),
    Column::figure("Used", 6, 0, |token: &RegistrationToken, _| token.completed.to_string()).sorted(1),
    Column::figure("Allowed", 8, 0, |token: &RegistrationToken, _| {
        token.uses_allowed.map_or_else(|| strings::NONE.to_owned(), |uses| uses.to_string())
    }),
    Column::figure("Pending", 8, 64, |token: &RegistrationToken, _| token.pending.to_string()),
    Column::text("Expires", 11, 0, |token: &RegistrationToken, _| {
        token.expires_ms.map_or_else(|| strings::NEVER.to_owned(), format::date)
    })
    .sorted(2),
    Column::text("Created", 11, 70, |token: &RegistrationToken, _| match token.created_ms {
        0 => strings::NONE.to_owned(),
        made => format::date(made),
    }),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State) {
    table::draw(frame, area, state, &state.tokens, COLUMNS, strings::empty(Screen::Tokens), style);
}

/// Dims tokens without remaining uses. Expired ones show by their date.
fn style(theme: Theme, token: &RegistrationToken) -> Style {
    let spent = token.uses_allowed.is_some_and(|allowed| token.completed >= allowed);
    if spent { theme.dim() } else { Style::new() }
}
