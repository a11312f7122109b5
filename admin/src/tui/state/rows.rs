//! Keys, filter texts and orders of the rows of each list. Sort columns are numbered as in the tables of
//! `view`, from the left.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};

use crate::wire::{Destination, LogEntry, RegistrationToken, RoomSummary, UserSummary};

use super::calls::{AllocationRow, RelayUserRow};
use super::listing::Row;

impl Row for UserSummary {
    const SORTS: usize = 5;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.user_id)
    }

    fn searchable_text(&self) -> String {
        format!("{} {}", self.user_id, self.display_name.as_deref().unwrap_or_default())
    }

    fn compare(&self, other: &Self, sort: usize) -> Ordering {
        match sort {
            0 => self.user_id.cmp(&other.user_id),
            1 => seen_order(self.last_seen_ms, other.last_seen_ms),
            2 => other.devices.cmp(&self.devices),
            3 => other.joined_rooms.cmp(&self.joined_rooms),
            _ => other.media_bytes.cmp(&self.media_bytes),
        }
    }
}

/// Most recently seen first, never seen last.
fn seen_order(a: Option<u64>, b: Option<u64>) -> Ordering {
    Reverse(a).cmp(&Reverse(b))
}

impl Row for RoomSummary {
    const SORTS: usize = 4;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.room_id)
    }

    fn searchable_text(&self) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        format!("{} {} {} {}", self.room_id, text(&self.name), text(&self.canonical_alias), text(&self.creator))
    }

    fn compare(&self, other: &Self, sort: usize) -> Ordering {
        match sort {
            0 => self.title().to_lowercase().cmp(&other.title().to_lowercase()),
            1 => other.joined_members.cmp(&self.joined_members),
            2 => other.local_members.cmp(&self.local_members),
            _ => other.events.cmp(&self.events),
        }
    }
}

impl RoomSummary {
    /// The title of the room: its name, its alias, or its id.
    pub(crate) fn title(&self) -> &str {
        let named = self.name.as_deref().filter(|name| !name.trim().is_empty());
        named.or(self.canonical_alias.as_deref()).unwrap_or(&self.room_id)
    }
}

impl Row for RegistrationToken {
    const SORTS: usize = 3;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.token)
    }

    fn searchable_text(&self) -> String {
        self.token.clone()
    }

    fn compare(&self, other: &Self, sort: usize) -> Ordering {
        let never = u64::MAX;
        match sort {
            0 => self.token.cmp(&other.token),
            1 => other.completed.cmp(&self.completed),
            _ => self.expires_ms.unwrap_or(never).cmp(&other.expires_ms.unwrap_or(never)),
        }
    }
}

impl Row for LogEntry {
    const SORTS: usize = 1;

    fn key(&self) -> Cow<'_, str> {
        Cow::Owned(self.seq.to_string())
    }

    fn searchable_text(&self) -> String {
        let mut text = format!("{} {} {}", self.level.as_str(), self.target, self.message);
        for (name, value) in &self.fields {
            text.push_str(&format!(" {name}={value}"));
        }
        text
    }

    fn compare(&self, other: &Self, _sort: usize) -> Ordering {
        self.seq.cmp(&other.seq)
    }

    fn copied(&self) -> String {
        self.message.clone()
    }
}

impl Row for Destination {
    const SORTS: usize = 5;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.server_name)
    }

    fn searchable_text(&self) -> String {
        format!("{} {}", self.server_name, self.reason.as_deref().unwrap_or_default())
    }

    fn compare(&self, other: &Self, sort: usize) -> Ordering {
        let never = u64::MAX;
        match sort {
            0 => self.server_name.cmp(&other.server_name),
            // Unreachable servers first, the longest unreachable at the top.
            1 => self.failing_since_ms.unwrap_or(never).cmp(&other.failing_since_ms.unwrap_or(never)),
            2 => other.waiting().cmp(&self.waiting()),
            3 => seen_order(self.last_success_ms, other.last_success_ms),
            _ => self.retry_at_ms.unwrap_or(never).cmp(&other.retry_at_ms.unwrap_or(never)),
        }
    }
}

impl Destination {
    /// Events and EDUs queued for the server.
    pub(crate) fn waiting(&self) -> u64 {
        self.queued_events.saturating_add(self.queued_edus)
    }
}

impl Row for AllocationRow {
    const SORTS: usize = 5;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.allocation.id)
    }

    fn searchable_text(&self) -> String {
        let one = &self.allocation;
        let (relayed, peers) = (one.relayed.join(" "), one.peers.join(" "));
        format!("{} {} {} {relayed} {peers}", one.user_id, one.client, one.transport)
    }

    fn compare(&self, other: &Self, sort: usize) -> Ordering {
        let (one, two) = (&self.allocation, &other.allocation);
        match sort {
            0 => one.user_id.cmp(&two.user_id),
            1 => two.age_s.cmp(&one.age_s),
            2 => two.bytes_out.cmp(&one.bytes_out),
            3 => two.bytes_in.cmp(&one.bytes_in),
            _ => other.rate.cmp(&self.rate),
        }
    }

    fn copied(&self) -> String {
        self.allocation.user_id.clone()
    }
}

impl Row for RelayUserRow {
    const SORTS: usize = 5;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.user.user_id)
    }

    fn searchable_text(&self) -> String {
        self.user.user_id.clone()
    }

    fn compare(&self, other: &Self, sort: usize) -> Ordering {
        let (one, two) = (&self.user, &other.user);
        match sort {
            0 => one.user_id.cmp(&two.user_id),
            1 => two.allocations.cmp(&one.allocations),
            2 => two.ended.cmp(&one.ended),
            3 => two.relayed_bytes.cmp(&one.relayed_bytes),
            _ => other.rate.cmp(&self.rate),
        }
    }
}
