//! One user: profile, devices, rooms.

use crate::text::{fit, safe_text};
use crate::tui::parts::DetailPage;
use crate::tui::strings::NONE;
use crate::tui::view::facts::{facts, or_none};
use crate::tui::view::format::{ago, bytes, count, date, seen, yes_no};
use crate::wire::{Device, UserDetail, UserRoom};

use super::strings;
use super::table::state_word;

impl DetailPage for UserDetail {
    const TABS: &'static [&'static str] = &strings::USER_TABS;

    fn rows(&self, tab: usize) -> usize {
        match tab {
            1 => self.device_list.len(),
            2 => self.rooms.len(),
            _ => 0,
        }
    }

    fn lines(&self, tab: usize, now_ms: u64, columns: usize) -> Vec<String> {
        match tab {
            1 => or_none(self.device_list.iter().map(|device| device_line(device, now_ms, columns))),
            2 => or_none(self.rooms.iter().map(|room| room_line(room, columns))),
            _ => profile(self, now_ms, columns),
        }
    }
}

fn profile(user: &UserDetail, now_ms: u64, columns: usize) -> Vec<String> {
    let summary = &user.summary;
    let created = format!("{}, {}", date(summary.created_ms), ago(now_ms, summary.created_ms));
    facts(
        columns,
        &[
            ("Name", summary.display_name.clone().unwrap_or_else(|| NONE.to_owned())),
            ("State", state_word(summary).to_owned()),
            ("Admin", yes_no(summary.admin).to_owned()),
            ("Created", created),
            ("Last seen", seen(summary.last_seen_ms, now_ms)),
            ("Devices", count(summary.devices)),
            ("Rooms", count(summary.joined_rooms)),
            ("Media", bytes(summary.media_bytes)),
        ],
    )
}

fn device_line(device: &Device, now_ms: u64, columns: usize) -> String {
    let name = safe_text(device.display_name.as_deref().unwrap_or_default());
    let ip = safe_text(device.last_seen_ip.as_deref().unwrap_or(NONE));
    let last = fit(&seen(device.last_seen_ms, now_ms), 10);
    let id = fit(&safe_text(&device.device_id), 12);
    fit(&format!("{id} {} {last} {ip}", fit(&name, 24)), columns)
}

fn room_line(room: &UserRoom, columns: usize) -> String {
    let name = safe_text(room.name.as_deref().unwrap_or(NONE));
    fit(&format!("{} {}", fit(&name, 28), safe_text(&room.room_id)), columns)
}
