//! An opened user or room.

use crate::wire::{RoomDetail, UserDetail};

/// What is open, and how far it is scrolled.
pub(crate) struct Detail {
    /// Full id of the user or room.
    pub(crate) id: String,
    pub(crate) data: DetailData,
    pub(crate) tab: usize,
    /// First line shown.
    pub(crate) scroll: usize,
}

/// What the server said about it.
pub(crate) enum DetailData {
    /// Nothing yet.
    Waiting,
    User(Box<UserDetail>),
    Room(Box<RoomDetail>),
}

impl Detail {
    pub(crate) fn new(id: String) -> Self {
        Self { id, data: DetailData::Waiting, tab: 0, scroll: 0 }
    }

    /// How many tabs it has.
    pub(crate) fn tabs(&self) -> usize {
        match self.data {
            DetailData::Waiting => 1,
            DetailData::User(_) => 3,
            DetailData::Room(_) => 2,
        }
    }

    /// Lines of the current tab, to keep scrolling within bounds.
    pub(crate) fn lines(&self) -> usize {
        match (&self.data, self.tab) {
            (DetailData::User(user), 1) => user.device_list.len(),
            (DetailData::User(user), 2) => user.rooms.len(),
            (DetailData::Room(room), 1) => room.members.len(),
            _ => 0,
        }
    }

    /// Goes to another tab, round and round.
    pub(crate) fn turn(&mut self, steps: isize) {
        let tabs = self.tabs();
        self.tab = self.tab.saturating_add_signed(steps + tabs.cast_signed()) % tabs;
        self.scroll = 0;
    }

    /// Scrolls to a line, or to the last.
    pub(crate) fn scroll_to(&mut self, line: usize) {
        self.scroll = line.min(self.lines().saturating_sub(1));
    }
}
