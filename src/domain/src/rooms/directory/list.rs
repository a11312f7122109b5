//! Looking through the public directory.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::{network_rooms, rooms};
use ruma::OwnedServerName;
use ruma::directory::{Filter, PublicRoomsChunk, RoomNetwork, RoomTypeFilter};

use super::card::card;
use super::page::page;
use crate::core::Core;
use crate::rooms::Rooms;

/// Rooms of one page, whatever the client asks for.
const PAGE_ROOMS_MAX: u64 = 500;
/// Rooms of one page for a client that does not say.
const PAGE_ROOMS_DEFAULT: u64 = 100;

/// What somebody looks for.
#[derive(Debug, Default)]
pub struct DirectoryQuery {
    /// Whose directory; none for this server's.
    pub server: Option<OwnedServerName>,
    /// Rooms on one page.
    pub limit: Option<u64>,
    /// The token of a neighbouring page.
    pub since: Option<String>,
    /// What the rooms must be like.
    pub filter: Filter,
    /// Rooms of bridged networks: of one, called by the application service's id, a bar and the network's id, or of all.
    pub network: RoomNetwork,
}

/// A page of the directory.
#[derive(Debug)]
pub struct DirectoryListing {
    /// The rooms.
    pub cards: Vec<PublicRoomsChunk>,
    /// The token of the next page.
    pub next: Option<String>,
    /// The token of the page before.
    pub previous: Option<String>,
    /// How many rooms there are on all pages.
    pub total: u64,
}

impl Rooms {
    /// A page of the public directory of this server, rooms with many members first. `M_INVALID_PARAM` for tokens that are not
    /// ours.
    pub(crate) async fn directory(&self, question: DirectoryQuery) -> Result<DirectoryListing> {
        let core = self.core.clone();
        self.core.store.read("directory_list", move |tx| list(&core, tx, &question)).await
    }
}

fn list(core: &Arc<Core>, tx: &mut hearth_store::ReadTx<'_>, question: &DirectoryQuery) -> Result<DirectoryListing> {
    let mut cards = Vec::new();
    for sn in listed(tx.tx(), &question.network)? {
        let Some(room) = rooms::by_sn(tx.tx(), sn)? else { continue };
        let card = card(core, tx.tx(), &room)?;
        if matches(&card, &question.filter) {
            cards.push(card);
        }
    }
    let total = cards.len() as u64;
    let limit = question.limit.unwrap_or(PAGE_ROOMS_DEFAULT).clamp(1, PAGE_ROOMS_MAX);
    let page = page(cards, question.since.as_deref(), usize::try_from(limit).unwrap_or(usize::MAX))?;
    Ok(DirectoryListing { cards: page.cards, next: page.next, previous: page.previous, total })
}

/// The rooms that stand in the directory of a network.
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

/// Whether a room is what the filter looks for.
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
