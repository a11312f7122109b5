//! What authorises what: the graph of auth events, walked by serial numbers, with a memory of its edges. Edges never change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;
use quick_cache::sync::Cache;
use ruma::OwnedEventId;
use serde::Deserialize;

use crate::core::Core;

/// Events whose edges are remembered: about five megabytes.
const EVENTS_MAX: usize = 50_000;

/// Auth events by event, as far as they were asked for lately.
pub struct AuthEdges(Cache<EventSn, Arc<[EventSn]>>);

impl Default for AuthEdges {
    fn default() -> Self {
        Self(Cache::new(EVENTS_MAX))
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

/// The graph, and with it an event that is not stored yet.
pub struct Graph<'a> {
    core: &'a Core,
    newcomer: Option<(EventSn, Arc<[EventSn]>)>,
}

impl<'a> Graph<'a> {
    /// The graph of what is stored. `newcomer` stands under a number that no stored event has.
    #[must_use]
    pub fn new(core: &'a Core, newcomer: Option<(EventSn, Arc<[EventSn]>)>) -> Self {
        Self { core, newcomer }
    }

    /// The auth events of an event; those that are not here are left out.
    fn of(&self, tx: &mut dyn Tx, sn: EventSn) -> Result<Arc<[EventSn]>> {
        if let Some((_, edges)) = self.newcomer.as_ref().filter(|(newcomer, _)| *newcomer == sn) {
            return Ok(edges.clone());
        }
        let remembered = &self.core.auth_edges.0;
        if let Some(edges) = remembered.get(&sn) {
            return Ok(edges);
        }
        // Past the cache of events: a walk would push out all that is in use.
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

    /// Visits the auth chains of some events, each event once and not the first ones unless others lead to them; `visit`
    /// answers whether to go on from there, and is told first.
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

    /// The auth chains of some events together; in no particular order, and without those of them that no other leads to.
    pub fn chain(&self, tx: &mut dyn Tx, from: impl IntoIterator<Item = EventSn>) -> Result<HashSet<EventSn>> {
        let mut chain = HashSet::new();
        self.walk(tx, from, |sn| chain.insert(sn))?;
        Ok(chain)
    }

    /// The auth difference of states (room version 2, "State resolution"): the events that are in the auth chains of some
    /// and not of all. `conflicted` are the events of each state that not all have; `common` those that all have.
    ///
    /// Exact, and bounded in memory: the chains of what all have in common, which are long, are only walked as long as they
    /// may still hold something that matters.
    pub fn difference(
        &self,
        tx: &mut dyn Tx,
        conflicted: &[Vec<EventSn>],
        common: impl Iterator<Item = EventSn>,
    ) -> Result<HashSet<EventSn>> {
        // In how many chains each event is, and the last of them, so that none is counted twice for it. States may be many.
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

    /// The conflicted state subgraph (room version 12, "State resolution"): the events on the ways through auth events from
    /// one conflicted event to another, with their ends.
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
