//! Lists and searches the public directory.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::rooms::PAGE_ROOMS_MAX;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::{network_rooms, rooms};
use ruma::OwnedServerName;
use ruma::directory::{Filter, PublicRoomsChunk, RoomNetwork, RoomTypeFilter};
use ruma::room::JoinRuleKind;

use super::card::card;
use super::page::page;
use crate::{LocalRooms, RoomCore, find};

/// Rooms per page when the client sets no limit.
const PAGE_ROOMS_DEFAULT: u64 = 100;

/// A directory request.
#[derive(Debug, Default)]
pub struct DirectoryQuery {
    /// The server whose directory to list; none for this server.
    pub server: Option<OwnedServerName>,
    /// Rooms per page.
    pub limit: Option<u64>,
    /// The pagination token of an adjacent page.
    pub since: Option<String>,
    /// Filter for rooms.
    pub filter: Filter,
    /// Rooms of bridged networks: of one network (the application service's id, a bar and the network's id), or of
    /// all.
    pub network: RoomNetwork,
}

/// A page of the directory.
#[derive(Debug)]
pub struct DirectoryListing {
    /// The rooms.
    pub cards: Vec<PublicRoomsChunk>,
    /// The token of the next page.
    pub next: Option<String>,
    /// The token of the previous page.
    pub previous: Option<String>,
    /// The number of rooms on all pages.
    pub total: u64,
}

impl LocalRooms {
    /// Returns a page of this server's public directory, rooms with the most members first. `M_INVALID_PARAM` for a
    /// token that this server did not issue.
    #[boxed]
    pub async fn directory(&self, question: DirectoryQuery) -> Result<DirectoryListing> {
        let core = self.core.clone();
        self.core.store.read("directory_list", move |tx| list(&core, tx, &question)).await
    }
}

fn list(
    core: &Arc<RoomCore>,
    tx: &mut hearth_store::ReadTx<'_>,
    question: &DirectoryQuery,
) -> Result<DirectoryListing> {
    let mut cards = Vec::new();
    for sn in listed(tx.tx(), &question.network)? {
        let Some(room) = rooms::by_sn(tx.tx(), sn)? else { continue };
        // A room that all local users have left cannot be joined through this server.
        if !find::is_resident(tx.tx(), &room)? {
            continue;
        }
        let card = card(core, tx.tx(), &room)?;
        if is_open(&card) && matches(&card, &question.filter) {
            cards.push(card);
        }
    }
    let total = cards.len() as u64;
    let limit = question.limit.unwrap_or(PAGE_ROOMS_DEFAULT).clamp(1, PAGE_ROOMS_MAX);
    let page = page(cards, question.since.as_deref(), usize::try_from(limit).unwrap_or(usize::MAX))?;
    Ok(DirectoryListing { cards: page.cards, next: page.next, previous: page.previous, total })
}

/// Returns the published rooms of a network.
fn listed(tx: &mut dyn Tx, network: &RoomNetwork) -> Result<Vec<RoomSn>> {
    match network {
        RoomNetwork::ThirdParty(instance) => {
            let Some((appservice, network)) = instance.split_once('|') else { return Ok(Vec::new()) };
            network_rooms::of_network(tx, appservice, network)
        }
        RoomNetwork::All => {
            let mut all = [rooms::published(tx)?, network_rooms::all(tx)?].concat();
            all.sort_unstable();
            all.dedup();
            Ok(all)
        }
        _ => rooms::published(tx),
    }
}

/// Returns whether users who are not in a room may join, knock or read it. Others stay published, but are not shown, as on
/// Synapse: a room that was made private later would otherwise still show its name and topic to the world.
fn is_open(card: &PublicRoomsChunk) -> bool {
    card.world_readable
        || matches!(card.join_rule, JoinRuleKind::Public | JoinRuleKind::Knock | JoinRuleKind::KnockRestricted)
}

/// Returns whether a room matches the filter.
fn matches(card: &PublicRoomsChunk, filter: &Filter) -> bool {
    let of_type = |wanted: &RoomTypeFilter| match (wanted, &card.room_type) {
        (RoomTypeFilter::Default, room_type) => room_type.is_none(),
        (wanted, Some(room_type)) => wanted.as_str() == Some(room_type.as_str()),
        (_, None) => false,
    };
    if !filter.room_types.is_empty() && !filter.room_types.iter().any(of_type) {
        return false;
    }
    let Some(term) = filter.generic_search_term.as_ref().map(|term| term.to_lowercase()) else { return true };
    let alias = card.canonical_alias.as_ref().map(|alias| alias.as_str());
    let texts = [card.name.as_deref(), card.topic.as_deref(), alias, Some(card.room_id.as_str())];
    texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&term))
}
