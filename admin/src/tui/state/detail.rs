//! An opened user, room, server or relayed address.

use crate::wire::{Destination, RoomDetail, UserDetail};

use super::calls::Held;

/// What is open, and how far it is scrolled.
pub(crate) struct Detail {
    /// Full id, whatever it is.
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
    Server(Box<Destination>),
    Call(Box<Held>),
}

impl Detail {
    pub(crate) fn new(id: String) -> Self {
        Self { id, data: DetailData::Waiting, tab: 0, scroll: 0 }
    }

    /// What to call it.
    pub(crate) fn title(&self) -> String {
        match &self.data {
            DetailData::Call(call) => format!("{} at {}", call.allocation.user_id, call.allocation.client),
            _ => self.id.clone(),
        }
    }

    /// What the copy key takes of it; nothing before the server has said that it is there.
    pub(crate) fn copied(&self) -> Option<String> {
        match &self.data {
            DetailData::Waiting => None,
            DetailData::Call(call) => Some(call.allocation.user_id.clone()),
            _ => Some(self.id.clone()),
        }
    }

    /// How many tabs it has.
    pub(crate) fn tabs(&self) -> usize {
        match self.data {
            DetailData::Waiting | DetailData::Server(_) => 1,
            DetailData::User(_) => 3,
            DetailData::Room(_) | DetailData::Call(_) => 2,
        }
    }

    /// Lines of the current tab, to keep scrolling within bounds.
    pub(crate) fn lines(&self) -> usize {
        match (&self.data, self.tab) {
            (DetailData::User(user), 1) => user.device_list.len(),
            (DetailData::User(user), 2) => user.rooms.len(),
            (DetailData::Room(room), 1) => room.members.len(),
            (DetailData::Call(call), 1) => call.allocation.peers.len(),
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
