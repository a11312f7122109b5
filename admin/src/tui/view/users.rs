//! The table of users.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::state::{Screen, State};
use crate::tui::strings;
use crate::wire::UserSummary;

use super::format;
use super::table::{self, Column};
use super::theme::Theme;

const COLUMNS: &[Column<UserSummary>] = &[
    Column::text("User", 0, 0, |user: &UserSummary, _| user.user_id.clone()).sorted(0),
    Column::text("Name", 16, 76, |user: &UserSummary, _| user.display_name.clone().unwrap_or_default()),
    Column::text("State", 8, 0, |user: &UserSummary, _| state_word(user).to_owned()),
    Column::text("Seen", 10, 0, |user: &UserSummary, state| seen(user.last_seen_ms, state.now_ms())).sorted(1),
    Column::figure("Dev", 4, 0, |user: &UserSummary, _| user.devices.to_string()).sorted(2),
    Column::figure("Rooms", 6, 70, |user: &UserSummary, _| user.joined_rooms.to_string()).sorted(3),
    Column::figure("Media", 8, 70, |user: &UserSummary, _| format::bytes(user.media_bytes)).sorted(4),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State) {
    table::draw(frame, area, state, &state.users, COLUMNS, strings::empty(Screen::Users), style);
}

fn style(theme: Theme, user: &UserSummary) -> Style {
    if user.deactivated {
        theme.dim()
    } else if user.locked {
        theme.warning()
    } else {
        Style::new()
    }
}

/// The most important state of an account, in a word.
pub(super) fn state_word(user: &UserSummary) -> &'static str {
    match user {
        UserSummary { deactivated: true, .. } => "closed",
        UserSummary { locked: true, .. } => "LOCKED",
        UserSummary { admin: true, .. } => "admin",
        _ => "ok",
    }
}

pub(super) fn seen(then_ms: Option<u64>, now_ms: u64) -> String {
    then_ms.map_or_else(|| strings::NEVER.to_owned(), |then| format::ago(now_ms, then))
}
