//! One room: facts, members.

use crate::text::{fit, safe_text};
use crate::tui::parts::DetailPage;
use crate::tui::strings::NONE;
use crate::tui::view::facts::{facts, or_none};
use crate::tui::view::format::{count, yes_no};
use crate::wire::{RoomDetail, RoomMember};

impl DetailPage for RoomDetail {
    const TABS: &'static [&'static str] = &["Room", "Members"];

    fn rows(&self, tab: usize) -> usize {
        if tab == 1 { self.members.len() } else { 0 }
    }

    fn lines(&self, tab: usize, _now_ms: u64, columns: usize) -> Vec<String> {
        if tab == 1 {
            return or_none(self.members.iter().map(|member| member_line(member, columns)));
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| NONE.to_owned());
        let summary = &self.summary;
        facts(
            columns,
            &[
                ("Name", text(&summary.name)),
                ("Alias", text(&summary.canonical_alias)),
                ("Topic", text(&self.topic)),
                ("Version", summary.version.clone()),
                ("Join rule", self.join_rule.clone()),
                ("Encrypted", yes_no(summary.encrypted).to_owned()),
                ("Public", yes_no(summary.public).to_owned()),
                ("Creator", text(&summary.creator)),
                ("Members", format!("{}, {} local", count(summary.joined_members), count(summary.local_members))),
                ("Events", count(summary.events)),
            ],
        )
    }
}

fn member_line(member: &RoomMember, columns: usize) -> String {
    let power = match member.power_level {
        i64::MAX => "creator".to_owned(),
        level => level.to_string(),
    };
    let name = safe_text(member.display_name.as_deref().unwrap_or_default());
    fit(&format!("{power:>7}  {} {}", fit(&name, 24), safe_text(&member.user_id)), columns)
}
