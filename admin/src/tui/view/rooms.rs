//! The table of rooms.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::state::{Screen, State};
use crate::tui::strings;
use crate::wire::RoomSummary;

use super::format;
use super::table::{self, Column};

const COLUMNS: &[Column<RoomSummary>] = &[
    Column::text("Room", 0, 0, |room: &RoomSummary, _| room.title().to_owned()).sorted(0),
    Column::text("Alias", 20, 100, |room: &RoomSummary, _| room.canonical_alias.clone().unwrap_or_default()),
    Column::figure("Members", 8, 0, |room: &RoomSummary, _| room.joined_members.to_string()).sorted(1),
    Column::figure("Local", 6, 0, |room: &RoomSummary, _| room.local_members.to_string()).sorted(2),
    Column::figure("Events", 10, 56, |room: &RoomSummary, _| format::count(room.events)).sorted(3),
    Column::text("Encr", 5, 70, |room: &RoomSummary, _| yes_no(room.encrypted).to_owned()),
    Column::text("Public", 6, 70, |room: &RoomSummary, _| yes_no(room.public).to_owned()),
    Column::text("Ver", 4, 70, |room: &RoomSummary, _| room.version.clone()),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State) {
    table::draw(frame, area, state, &state.rooms, COLUMNS, strings::empty(Screen::Rooms), |_, _| Style::new());
}

pub(super) fn yes_no(value: bool) -> &'static str {
    if value { strings::YES } else { strings::NO }
}
