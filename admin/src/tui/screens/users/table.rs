//! The rows of the table of users.

use std::borrow::Cow;
use std::cmp::Reverse;

use ratatui::style::Style;

use crate::tui::parts::{Column, Row};
use crate::tui::view::format::{self, seen};
use crate::tui::view::theme::Theme;
use crate::wire::UserSummary;

impl Row for UserSummary {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("User", 0, 0, |user, _| user.user_id.clone()).sorted(|a, b| a.user_id.cmp(&b.user_id)),
        Column::<Self>::text("Name", 16, 76, |user, _| user.display_name.clone().unwrap_or_default()),
        Column::<Self>::text("State", 8, 0, |user, _| state_word(user).to_owned()),
        // Most recently seen first, never seen last.
        Column::<Self>::text("Seen", 10, 0, |user, shared| seen(user.last_seen_ms, shared.now_ms()))
            .sorted(|a, b| Reverse(a.last_seen_ms).cmp(&Reverse(b.last_seen_ms))),
        Column::<Self>::figure("Dev", 4, 0, |user, _| user.devices.to_string())
            .sorted(|a, b| b.devices.cmp(&a.devices)),
        Column::<Self>::figure("Rooms", 6, 70, |user, _| user.joined_rooms.to_string())
            .sorted(|a, b| b.joined_rooms.cmp(&a.joined_rooms)),
        Column::<Self>::figure("Media", 8, 70, |user, _| format::bytes(user.media_bytes))
            .sorted(|a, b| b.media_bytes.cmp(&a.media_bytes)),
    ];
    const EMPTY: &'static str = "No users yet. Press n to create one.";

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.user_id)
    }

    fn searchable_text(&self) -> String {
        format!("{} {}", self.user_id, self.display_name.as_deref().unwrap_or_default())
    }

    fn style(&self, theme: Theme) -> Style {
        if self.deactivated {
            theme.dim()
        } else if self.locked {
            theme.warning()
        } else {
            Style::new()
        }
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
