//! One registration token: its link, what it allows, and who joined by it.

use crate::text::{fit, safe_text};
use crate::tui::parts::DetailPage;
use crate::tui::strings::{NEVER, NONE};
use crate::tui::view::facts::{facts, or_none};
use crate::tui::view::format::{ago, count, date};
use crate::wire::RegistrationToken;

use super::strings;

impl DetailPage for RegistrationToken {
    const TABS: &'static [&'static str] = &strings::TABS;

    fn copied(&self) -> Option<String> {
        Some(self.link.clone()).filter(|link| !link.is_empty())
    }

    fn rows(&self, tab: usize) -> usize {
        if tab == 1 { self.joined.len() } else { 0 }
    }

    fn lines(&self, tab: usize, now_ms: u64, columns: usize) -> Vec<String> {
        if tab == 1 {
            let line = |used: &crate::wire::RegistrationTokenUse| {
                let when = format!("{}, {}", date(used.used_ms), ago(now_ms, used.used_ms));
                fit(&format!("{} {when}", fit(&safe_text(&used.user_id), 40)), columns)
            };
            return or_none(self.joined.iter().map(line));
        }
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
        let used = match self.uses_allowed {
            Some(allowed) => format!("{} of {}", count(self.completed), count(allowed)),
            None => count(self.completed),
        };
        let rooms = if self.rooms.is_empty() { NONE.to_owned() } else { self.rooms.join(" ") };
        let mut lines = facts(
            columns,
            &[
                ("Link", self.link.clone()),
                ("Used", used),
                ("Expires", self.expires_ms.map_or_else(|| NEVER.to_owned(), date)),
                ("Contact", or_dash(&self.contact)),
                ("Rooms", rooms),
                ("Note", or_dash(&self.note)),
                ("Created", format!("{}, by {}", date(self.created_ms), or_dash(&self.creator))),
            ],
        );
        if let Some(notice) = &self.notice {
            lines.push(String::new());
            lines.extend(facts(columns, &[("Notice", notice.clone())]));
        }
        lines
    }
}
