//! The rows of the two tables, and the facts about one relayed address.

use std::borrow::Cow;

use crate::text::{fit, safe_text};
use crate::tui::parts::{Column, DetailPage, Row};
use crate::tui::strings::NONE;
use crate::tui::view::facts::{facts, or_none};
use crate::tui::view::format::{self, bytes, count, duration};
use crate::wire::{RelayAllocation, RelayUser};

use super::strings;

/// A relayed address with its traffic rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllocationRow {
    pub(crate) allocation: RelayAllocation,
    /// Bytes per second in both directions since the previous response. `None` for the first one.
    pub(crate) rate: Option<u64>,
}

/// A user of the relay with their traffic rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelayUserRow {
    pub(crate) user: RelayUser,
    /// As in [`AllocationRow`].
    pub(crate) rate: Option<u64>,
}

impl AllocationRow {
    /// Bytes in both directions.
    pub(super) fn bytes(&self) -> u64 {
        self.allocation.bytes_out.saturating_add(self.allocation.bytes_in)
    }
}

impl Row for AllocationRow {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("User", 0, 0, |call, _| call.allocation.user_id.clone())
            .sorted(|a, b| a.allocation.user_id.cmp(&b.allocation.user_id)),
        Column::<Self>::text("By", 3, 0, |call, _| call.allocation.transport.clone()),
        Column::<Self>::text("Client", 21, 112, |call, _| call.allocation.client.clone()),
        Column::<Self>::text("Relayed as", 21, 136, |call, _| call.allocation.relayed.join(" ")),
        Column::<Self>::text("Peers", 15, 76, |call, _| peers(call)),
        Column::<Self>::figure("For", 6, 0, |call, _| format::span(call.allocation.age_s))
            .sorted(|a, b| b.allocation.age_s.cmp(&a.allocation.age_s)),
        Column::<Self>::figure("Sent", 7, 52, |call, _| bytes(call.allocation.bytes_out))
            .sorted(|a, b| b.allocation.bytes_out.cmp(&a.allocation.bytes_out)),
        Column::<Self>::figure("Got", 7, 52, |call, _| bytes(call.allocation.bytes_in))
            .sorted(|a, b| b.allocation.bytes_in.cmp(&a.allocation.bytes_in)),
        Column::<Self>::figure("Now", 9, 0, |call, _| rate(call.rate)).sorted(|a, b| b.rate.cmp(&a.rate)),
    ];
    const EMPTY: &'static str = "No call uses the relay now.";

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.allocation.id)
    }

    fn searchable_text(&self) -> String {
        let one = &self.allocation;
        let (relayed, peers) = (one.relayed.join(" "), one.peers.join(" "));
        format!("{} {} {} {relayed} {peers}", one.user_id, one.client, one.transport)
    }

    fn copied(&self) -> String {
        self.allocation.user_id.clone()
    }
}

impl Row for RelayUserRow {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("User", 0, 0, |person, _| person.user.user_id.clone())
            .sorted(|a, b| a.user.user_id.cmp(&b.user.user_id)),
        Column::<Self>::figure("Active", 9, 0, |person, _| person.user.allocations.to_string())
            .sorted(|a, b| b.user.allocations.cmp(&a.user.allocations)),
        Column::<Self>::figure("Ended", 8, 52, |person, _| count(person.user.ended))
            .sorted(|a, b| b.user.ended.cmp(&a.user.ended)),
        Column::<Self>::figure("Relayed", 8, 0, |person, _| bytes(person.user.relayed_bytes))
            .sorted(|a, b| b.user.relayed_bytes.cmp(&a.user.relayed_bytes)),
        Column::<Self>::figure("Now", 9, 52, |person, _| rate(person.rate)).sorted(|a, b| b.rate.cmp(&a.rate)),
    ];
    const EMPTY: &'static str = strings::RELAY_UNUSED;

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.user.user_id)
    }

    fn searchable_text(&self) -> String {
        self.user.user_id.clone()
    }
}

/// The first peer, and the number of others.
fn peers(call: &AllocationRow) -> String {
    match &call.allocation.peers[..] {
        [] => NONE.to_owned(),
        [one] => one.clone(),
        [one, others @ ..] => format!("{one} +{}", others.len()),
    }
}

fn rate(rate: Option<u64>) -> String {
    rate.map_or_else(|| NONE.to_owned(), format::rate)
}

impl DetailPage for AllocationRow {
    const TABS: &'static [&'static str] = &strings::CALL_TABS;

    fn title(&self) -> Option<String> {
        Some(format!("{} at {}", self.allocation.user_id, self.allocation.client))
    }

    fn copied(&self) -> Option<String> {
        Some(self.allocation.user_id.clone())
    }

    fn rows(&self, tab: usize) -> usize {
        if tab == 1 { self.allocation.peers.len() } else { 0 }
    }

    fn lines(&self, tab: usize, _now_ms: u64, columns: usize) -> Vec<String> {
        let one = &self.allocation;
        if tab == 1 {
            return or_none(one.peers.iter().map(|peer| fit(&safe_text(peer), columns)));
        }
        let now = self.rate.map_or_else(|| strings::RATE_UNKNOWN.to_owned(), format::rate);
        facts(
            columns,
            &[
                ("User", one.user_id.clone()),
                ("Client", one.client.clone()),
                ("By", one.transport.to_uppercase()),
                ("Relayed as", one.relayed.join(" ")),
                ("Peers", if one.peers.is_empty() { NONE.to_owned() } else { one.peers.join(" ") }),
                ("For", duration(one.age_s)),
                ("Sent", strings::traffic(&bytes(one.bytes_out), &count(one.packets_out))),
                ("Got", strings::traffic(&bytes(one.bytes_in), &count(one.packets_in))),
                ("Now", now),
                ("Id", one.id.clone()),
            ],
        )
    }
}
