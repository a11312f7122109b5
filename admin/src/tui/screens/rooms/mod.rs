//! Rooms with local members: the table, and one room in detail.

mod detail;
#[cfg(test)]
mod samples;

use std::borrow::Cow;

use crate::tui::parts::{Column, Detail, Details, Pages, Panes, PanesMut, Row, Table};
use crate::tui::screen::{Command, Context, Screen};
use crate::tui::view::format::{self, yes_no};
use crate::wire::{RoomDetail, RoomSummary, paths};

/// The screen.
#[derive(Default)]
pub(crate) struct Rooms {
    table: Table<RoomSummary>,
    detail: Detail<RoomDetail>,
}

const ROWS: Pages<Rooms, RoomSummary> = Pages::new(paths::rooms, |screen| &mut screen.table);
const DETAIL: Details<Rooms, RoomDetail> = Details::new(paths::room, |screen| &mut screen.detail);

impl Screen for Rooms {
    const NAME: &'static str = "Rooms";
    const COMMAND: (&'static str, &'static str) = ("rooms", "rooms of this server");
    const COMMANDS: &'static [Command<Self>] =
        &[Command::with("room", "<id>", "open one room", |screen, id, cx| DETAIL.open(screen, id.to_owned(), cx))];
    const BAR: &'static [&'static str] = &["Enter", "/", "s", "y copy id"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        DETAIL.load(self, cx);
        ROWS.load(self, cx);
    }

    fn more(&mut self, near: usize, cx: &mut Context<'_, Self>) {
        ROWS.more(self, near, cx);
    }

    fn panes(&self) -> Panes<'_> {
        Panes::list(&self.table).with(&self.detail)
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        PanesMut::list(&mut self.table).with(&mut self.detail)
    }

    fn open(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(id) = self.table.selected().map(|room| room.room_id.clone()) {
            DETAIL.open(self, id, cx);
        }
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl Row for RoomSummary {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("Room", 0, 0, |room, _| title(room).to_owned())
            .sorted(|a, b| title(a).to_lowercase().cmp(&title(b).to_lowercase())),
        Column::<Self>::text("Alias", 20, 100, |room, _| room.canonical_alias.clone().unwrap_or_default()),
        Column::<Self>::figure("Members", 8, 0, |room, _| room.joined_members.to_string())
            .sorted(|a, b| b.joined_members.cmp(&a.joined_members)),
        Column::<Self>::figure("Local", 6, 0, |room, _| room.local_members.to_string())
            .sorted(|a, b| b.local_members.cmp(&a.local_members)),
        Column::<Self>::figure("Events", 10, 56, |room, _| format::count(room.events))
            .sorted(|a, b| b.events.cmp(&a.events)),
        Column::<Self>::text("Encr", 5, 70, |room, _| yes_no(room.encrypted).to_owned()),
        Column::<Self>::text("Public", 6, 70, |room, _| yes_no(room.public).to_owned()),
        Column::<Self>::text("Ver", 4, 70, |room, _| room.version.clone()),
    ];
    const EMPTY: &'static str = "No rooms yet. They appear when a user creates or joins one.";

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.room_id)
    }

    fn searchable_text(&self) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        format!("{} {} {} {}", self.room_id, text(&self.name), text(&self.canonical_alias), text(&self.creator))
    }
}

/// The title of a room: its name, its alias, or its id.
fn title(room: &RoomSummary) -> &str {
    let named = room.name.as_deref().filter(|name| !name.trim().is_empty());
    named.or(room.canonical_alias.as_deref()).unwrap_or(&room.room_id)
}
