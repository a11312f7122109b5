//! The detail view of a user, room, server or relayed address: facts, and one tab per list.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{cut, fit, safe_text};
use crate::tui::state::{Detail, DetailData, State};
use crate::tui::strings;
use crate::wire::{RoomDetail, UserDetail};

use super::chrome::wrapped;
use super::format::{ago, bytes, count, date};
use super::rooms::yes_no;
use super::theme::Theme;
use super::users::{seen, state_word};
use super::{calls, federation};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, detail: &Detail, theme: Theme) {
    let row = |offset: u16| Rect { y: area.y + offset, height: 1, ..area };
    if area.height < 3 {
        return;
    }
    let columns = usize::from(area.width);
    frame.render_widget(Line::styled(cut(&safe_text(&detail.title()), columns), theme.title()), row(0));
    let (tabs, lines): (&[&str], Vec<String>) = match &detail.data {
        DetailData::Waiting => (&[], vec![strings::LOADING.to_owned()]),
        DetailData::User(user) => (&strings::USER_TABS, user_lines(user, detail.tab, state.now_ms(), columns)),
        DetailData::Room(room) => (&strings::ROOM_TABS, room_lines(room, detail.tab, columns)),
        DetailData::Server(server) => (&strings::SERVER_TABS, federation::lines(server, state.now_ms(), columns)),
        DetailData::Call(call) => (&strings::CALL_TABS, calls::lines(call, detail.tab, columns)),
    };
    frame.render_widget(tab_line(tabs, detail.tab, theme), row(1));
    let list = detail.lines() > 0;
    for (offset, (place, line)) in (2..area.height).zip(lines.iter().enumerate().skip(detail.scroll)) {
        let style = if list && place == detail.scroll { theme.selected() } else { Style::new() };
        frame.render_widget(Line::styled(line.as_str(), style), row(offset));
    }
    frame.set_cursor_position(Position { x: area.x, y: area.y + 2 });
}

pub(super) fn tab_line(tabs: &[&'static str], current: usize, theme: Theme) -> Line<'static> {
    let span = |(place, name): (usize, &&'static str)| {
        Span::styled(format!(" {name} "), if place == current { theme.selected() } else { theme.dim() })
    };
    Line::from(tabs.iter().enumerate().map(span).collect::<Vec<_>>())
}

fn user_lines(user: &UserDetail, tab: usize, now_ms: u64, columns: usize) -> Vec<String> {
    match tab {
        1 => or_none(user.device_list.iter().map(|device| {
            let name = safe_text(device.display_name.as_deref().unwrap_or_default());
            let ip = safe_text(device.last_seen_ip.as_deref().unwrap_or(strings::NONE));
            let last = fit(&seen(device.last_seen_ms, now_ms), 10);
            let id = fit(&safe_text(&device.device_id), 12);
            fit(&format!("{id} {} {last} {ip}", fit(&name, 24)), columns)
        })),
        2 => or_none(user.rooms.iter().map(|room| {
            let name = safe_text(room.name.as_deref().unwrap_or(strings::NONE));
            fit(&format!("{} {}", fit(&name, 28), safe_text(&room.room_id)), columns)
        })),
        _ => {
            let summary = &user.summary;
            let created = format!("{}, {}", date(summary.created_ms), ago(now_ms, summary.created_ms));
            facts(
                columns,
                &[
                    ("Name", summary.display_name.clone().unwrap_or_else(|| strings::NONE.to_owned())),
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
    }
}

fn room_lines(room: &RoomDetail, tab: usize, columns: usize) -> Vec<String> {
    if tab == 1 {
        return or_none(room.members.iter().map(|member| {
            let power = match member.power_level {
                i64::MAX => "creator".to_owned(),
                level => level.to_string(),
            };
            let name = safe_text(member.display_name.as_deref().unwrap_or_default());
            let id = safe_text(&member.user_id);
            fit(&format!("{power:>7}  {} {id}", fit(&name, 24)), columns)
        }));
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| strings::NONE.to_owned());
    let summary = &room.summary;
    facts(
        columns,
        &[
            ("Name", text(&summary.name)),
            ("Alias", text(&summary.canonical_alias)),
            ("Topic", text(&room.topic)),
            ("Version", summary.version.clone()),
            ("Join rule", room.join_rule.clone()),
            ("Encrypted", yes_no(summary.encrypted).to_owned()),
            ("Public", yes_no(summary.public).to_owned()),
            ("Creator", text(&summary.creator)),
            ("Members", format!("{}, {} local", count(summary.joined_members), count(summary.local_members))),
            ("Events", count(summary.events)),
        ],
    )
}

/// Labels and values. Long values wrap below themselves.
pub(super) fn facts(columns: usize, facts: &[(&str, String)]) -> Vec<String> {
    const LABEL: usize = 11;
    /// Lines of one value, so that a long topic does not hide the rest.
    const VALUE_LINES_MAX: usize = 3;
    let mut lines = Vec::new();
    for (label, value) in facts {
        let parts = wrapped(&safe_text(value), columns.saturating_sub(LABEL));
        for (place, part) in parts.iter().take(VALUE_LINES_MAX).enumerate() {
            let label = if place == 0 { label } else { "" };
            // Join the next line to the last one, so that it is cut with an ellipsis.
            let rest = if place + 1 == VALUE_LINES_MAX { parts.get(VALUE_LINES_MAX) } else { None };
            let part = rest.map_or_else(|| part.clone(), |rest| cut(&format!("{part} {rest}"), columns - LABEL));
            lines.push(format!("{label:<LABEL$}{part}"));
        }
    }
    lines
}

pub(super) fn or_none(lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { vec![strings::NONE.to_owned()] } else { lines }
}
