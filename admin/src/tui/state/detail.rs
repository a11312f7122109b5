//! The detail view of a user, room, server or relayed address.

use crate::wire::{Destination, RoomDetail, UserDetail};

use super::calls::AllocationRow;

/// The opened item, with tab and scroll position.
pub(crate) struct Detail {
    /// The full id.
    pub(crate) id: String,
    pub(crate) data: DetailData,
    pub(crate) tab: usize,
    /// First visible line.
    pub(crate) scroll: usize,
}

/// The data of the item.
pub(crate) enum DetailData {
    /// Not loaded yet.
    Waiting,
    User(Box<UserDetail>),
    Room(Box<RoomDetail>),
    Server(Box<Destination>),
    Call(Box<AllocationRow>),
}

impl Detail {
    pub(crate) fn new(id: String) -> Self {
        Self { id, data: DetailData::Waiting, tab: 0, scroll: 0 }
    }

    /// The title.
    pub(crate) fn title(&self) -> String {
        match &self.data {
            DetailData::Call(call) => format!("{} at {}", call.allocation.user_id, call.allocation.client),
            _ => self.id.clone(),
        }
    }

    /// The text for the clipboard. `None` until the item has been loaded, as it may not exist.
    pub(crate) fn copied(&self) -> Option<String> {
        match &self.data {
            DetailData::Waiting => None,
            DetailData::Call(call) => Some(call.allocation.user_id.clone()),
            _ => Some(self.id.clone()),
        }
    }

    /// Number of tabs.
    pub(crate) fn tabs(&self) -> usize {
        match self.data {
            DetailData::Waiting | DetailData::Server(_) => 1,
            DetailData::User(_) => 3,
            DetailData::Room(_) | DetailData::Call(_) => 2,
        }
    }

    /// Number of lines of the current tab. Bounds scrolling.
    pub(crate) fn lines(&self) -> usize {
        match (&self.data, self.tab) {
            (DetailData::User(user), 1) => user.device_list.len(),
            (DetailData::User(user), 2) => user.rooms.len(),
            (DetailData::Room(room), 1) => room.members.len(),
            (DetailData::Call(call), 1) => call.allocation.peers.len(),
            _ => 0,
        }
    }

    /// Moves `steps` tabs, wrapping around.
    pub(crate) fn turn(&mut self, steps: isize) {
        let tabs = self.tabs();
        self.tab = self.tab.saturating_add_signed(steps + tabs.cast_signed()) % tabs;
        self.scroll = 0;
    }

    /// Scrolls to a line, at most to the last.
    pub(crate) fn scroll_to(&mut self, line: usize) {
        self.scroll = line.min(self.lines().saturating_sub(1));
    }
}
