//! The graph of auth events, walked by serial numbers, with a cache of its edges. Edges never change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::limits::rooms::AUTH_CHAIN_EVENTS_MAX;
use hearth_base::{Error, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;
use quick_cache::sync::Cache;
use ruma::OwnedEventId;
use serde::Deserialize;

use crate::RoomCore;

/// Cache of auth events by event.
pub struct AuthEdges(Cache<EventSn, Arc<[EventSn]>>);

impl Default for AuthEdges {
    fn default() -> Self {
        Self(Cache::new(AUTH_CHAIN_EVENTS_MAX))
    }
}

impl std::fmt::Debug for AuthEdges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuthEdges({} events)", self.0.len())
    }
}

#[derive(Deserialize)]
struct Authorised {
    auth_events: Vec<OwnedEventId>,
}

/// The graph of auth events, with an optional event that is not stored yet.
pub struct Graph<'a> {
    core: &'a RoomCore,
    newcomer: Option<(EventSn, Arc<[EventSn]>)>,
}

impl<'a> Graph<'a> {
    /// Creates the graph of the stored events. `newcomer` has a serial number that no stored event has.
    #[must_use]
    pub fn new(core: &'a RoomCore, newcomer: Option<(EventSn, Arc<[EventSn]>)>) -> Self {
        Self { core, newcomer }
    }

    /// Returns the auth events of an event that are stored here.
    fn of(&self, tx: &mut dyn Tx, sn: EventSn) -> Result<Arc<[EventSn]>> {
        if let Some((_, edges)) = self.newcomer.as_ref().filter(|(newcomer, _)| *newcomer == sn) {
            return Ok(edges.clone());
        }
        let remembered = &self.core.auth_edges.0;
        if let Some(edges) = remembered.get(&sn) {
            return Ok(edges);
        }
        // Bypass the event cache: a walk would evict the events in use.
        let row = events::by_sn(tx, sn)?.ok_or_else(|| Error::broken(format!("event {} is missing", sn.0)))?;
        let Authorised { auth_events } =
            serde_json::from_slice(&row.json).map_err(|error| Error::fault("reading a stored event", error))?;
        let mut edges = Vec::with_capacity(auth_events.len());
        for id in &auth_events {
            edges.extend(events::find(tx, id.as_str())?);
        }
        let is_whole = edges.len() == auth_events.len();
        let edges: Arc<[EventSn]> = edges.into();
        if is_whole {
            remembered.insert(sn, edges.clone());
        }
        Ok(edges)
    }

    /// Visits the auth chains of some events, each event once, and the start events only if others lead to them.
    /// `visit` runs before an event's edges are followed and returns whether to follow them.
    fn walk(
        &self,
        tx: &mut dyn Tx,
        from: impl IntoIterator<Item = EventSn>,
        mut visit: impl FnMut(EventSn) -> bool,
    ) -> Result<()> {
        let (mut stack, mut seen): (Vec<EventSn>, _) = (from.into_iter().collect(), 0_usize);
        while let Some(sn) = stack.pop() {
            seen += 1;
            if seen > limits::AUTH_CHAIN_EVENTS_MAX {
                return Err(Error::broken("an auth chain is longer than any room's should be"));
            }
            stack.extend(self.of(tx, sn)?.iter().copied().filter(|auth| visit(*auth)));
        }
        Ok(())
    }

    /// Returns the union of the auth chains of some events, unordered; includes a start event only if another leads
    /// to it.
    pub fn chain(&self, tx: &mut dyn Tx, from: impl IntoIterator<Item = EventSn>) -> Result<HashSet<EventSn>> {
        let mut chain = HashSet::new();
        self.walk(tx, from, |sn| chain.insert(sn))?;
        Ok(chain)
    }

    /// Returns the auth difference of states (room version 2, "State resolution"): the events that are in some but
    /// not all of their full auth chains. `conflicted` are the events of each state that not all states share;
    /// `common` are the shared ones.
    ///
    /// Exact, with bounded memory: walks the long chains of the common events only while they may still contain a
    /// relevant event.
    pub fn difference(
        &self,
        tx: &mut dyn Tx,
        conflicted: &[Vec<EventSn>],
        common: impl Iterator<Item = EventSn>,
    ) -> Result<HashSet<EventSn>> {
        // For each event: in how many chains it is, and the last such chain, so that no chain counts twice. There may
        // be many states.
        let mut marks: HashMap<EventSn, (usize, usize)> = HashMap::new();
        for (state, events) in (1..).zip(conflicted) {
            self.walk(tx, events.iter().copied(), |sn| {
                let (count, last) = marks.entry(sn).or_default();
                let is_new = *last != state;
                (*count, *last) = (*count + usize::from(is_new), state);
                is_new
            })?;
        }
        let all = conflicted.len();
        let is_in_some = |(_, (count, _)): &(EventSn, (usize, usize))| *count != all;
        let mut left: HashSet<EventSn> = marks.into_iter().filter(is_in_some).map(|(sn, _)| sn).collect();
        let mut seen = HashSet::new();
        for sn in common {
            if left.is_empty() {
                break;
            }
            self.walk(tx, [sn], |sn| {
                left.remove(&sn);
                !left.is_empty() && seen.insert(sn)
            })?;
        }
        Ok(left)
    }

    /// Returns the conflicted state subgraph (room version 12, "State resolution"): the events on auth event paths
    /// from one conflicted event to another, both ends included.
    pub fn between(&self, tx: &mut dyn Tx, conflicted: &HashSet<EventSn>) -> Result<HashSet<EventSn>> {
        let mut leads: HashMap<EventSn, bool> = HashMap::new();
        for start in conflicted {
            let mut path = vec![*start];
            while let Some(sn) = path.last().copied() {
                if leads.contains_key(&sn) {
                    path.pop();
                    continue;
                }
                let edges = self.of(tx, sn)?;
                let open = edges.iter().copied().filter(|auth| !leads.contains_key(auth));
                let before = path.len();
                path.extend(open);
                if path.len() > before {
                    if path.len() > limits::AUTH_CHAIN_EVENTS_MAX {
                        return Err(Error::broken("an auth chain is longer than any room's should be"));
                    }
                    continue;
                }
                let reaches = conflicted.contains(&sn) || edges.iter().any(|auth| leads.get(auth) == Some(&true));
                leads.insert(sn, reaches);
                path.pop();
            }
        }
        Ok(leads.into_iter().filter(|(_, reaches)| *reaches).map(|(sn, _)| sn).collect())
    }
}
