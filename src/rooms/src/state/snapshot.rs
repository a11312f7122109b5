//! Room state at one point, stored as a difference.
//!
//! Snapshots of a room form lines, as events do. The snapshot at depth `d` stores the changes since the one at depth
//! `d - lowbit(d)` of its line, as in a Fenwick tree: one small row per change on average, and the full state merges
//! at most log2(d) rows, however long the room's history is. A fork starts another line.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, SnapshotSn};
use hearth_store::tables::state::{self, SnapshotRow};
use hearth_store::{WriteTx, varint};

/// A full state: the current event for each key.
pub type StateIds = BTreeMap<KeySn, EventSn>;

/// Changes to a state; `None` removes a key.
pub type Changes = BTreeMap<KeySn, Option<EventSn>>;

/// The changes from one state to another.
#[must_use]
pub fn difference(from: &StateIds, to: &StateIds) -> Changes {
    let set = to.iter().filter(|(key, sn)| from.get(key) != Some(sn)).map(|(key, sn)| (*key, Some(*sn)));
    let unset = from.keys().filter(|key| !to.contains_key(key)).map(|key| (*key, None));
    set.chain(unset).collect()
}

fn encode(changes: &Changes) -> Vec<u8> {
    let mut previous = 0;
    varint::write_list(changes.iter().flat_map(|(key, event)| {
        let step = key.0 - std::mem::replace(&mut previous, key.0);
        [step, event.map_or(0, |event| event.0)]
    }))
}

fn decode(bytes: &[u8]) -> Result<Vec<(KeySn, Option<EventSn>)>> {
    let list = varint::read_list(bytes).filter(|list| list.len() % 2 == 0);
    let list = list.ok_or_else(|| Error::broken("a state snapshot cannot be read"))?;
    let mut key = 0;
    Ok(list
        .chunks_exact(2)
        .map(|pair| {
            key += pair[0];
            (KeySn(key), (pair[1] != 0).then_some(EventSn(pair[1])))
        })
        .collect())
}

fn load(tx: &mut dyn Tx, sn: SnapshotSn) -> Result<SnapshotRow> {
    state::snapshot(tx, sn)?.ok_or_else(|| Error::broken(format!("state snapshot {} is missing", sn.0)))
}

/// Stores the state after `before` and `changes`; returns its serial number. `before` is none for a room's first
/// event.
pub fn store(tx: &mut WriteTx<'_>, before: Option<SnapshotSn>, mut changes: Changes) -> Result<SnapshotSn> {
    let (mut depth, mut base) = (0, None);
    if let Some(before) = before {
        let mut next = load(tx.tx(), before)?;
        let mut next_sn = before;
        depth = next.depth + 1;
        // Clears the lowest set bit.
        let target = depth & (depth - 1);
        // Walk the line back to the snapshot on which this one builds, and merge the changes on the way. Later
        // changes win.
        while next.depth > target {
            for (key, event) in decode(&next.changes)? {
                if let Entry::Vacant(vacant) = changes.entry(key) {
                    vacant.insert(event);
                }
            }
            next_sn = next.base.ok_or_else(|| Error::broken("a line of state snapshots ends too early"))?;
            next = load(tx.tx(), next_sn)?;
        }
        base = Some(next_sn);
    }
    let sn = SnapshotSn::from(tx.position());
    state::insert_snapshot(tx.tx(), sn, &SnapshotRow { depth, base, changes: encode(&changes) })?;
    Ok(sn)
}

/// Returns the full state at a snapshot; the empty one at none.
pub fn full(tx: &mut dyn Tx, at: Option<SnapshotSn>) -> Result<StateIds> {
    let mut found: BTreeMap<KeySn, Option<EventSn>> = BTreeMap::new();
    let mut next = at;
    while let Some(sn) = next {
        let row = load(tx, sn)?;
        for (key, event) in decode(&row.changes)? {
            found.entry(key).or_insert(event);
        }
        next = row.base;
    }
    Ok(found.into_iter().filter_map(|(key, event)| Some((key, event?))).collect())
}

/// Returns one state event at a snapshot.
pub fn get(tx: &mut dyn Tx, at: Option<SnapshotSn>, key: KeySn) -> Result<Option<EventSn>> {
    let mut next = at;
    while let Some(sn) = next {
        let row = load(tx, sn)?;
        if let Some((_, event)) = decode(&row.changes)?.into_iter().find(|(found, _)| *found == key) {
            return Ok(event);
        }
        next = row.base;
    }
    Ok(None)
}

/// Returns several state events at a snapshot, in the order of `keys`, in one walk.
pub fn get_many(tx: &mut dyn Tx, at: Option<SnapshotSn>, keys: &[KeySn]) -> Result<Vec<Option<EventSn>>> {
    let mut found: HashMap<KeySn, Option<EventSn>> = HashMap::new();
    let mut wanted: HashSet<KeySn> = keys.iter().copied().collect();
    let mut next = at;
    while let Some(sn) = next.filter(|_| !wanted.is_empty()) {
        let row = load(tx, sn)?;
        for (key, event) in decode(&row.changes)? {
            if wanted.remove(&key) {
                found.insert(key, event);
            }
        }
        next = row.base;
    }
    Ok(keys.iter().map(|key| found.get(key).copied().flatten()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_survive_encoding() {
        let changes = Changes::from([
            (KeySn(3), Some(EventSn(9))),
            (KeySn(700_000), None),
            (KeySn(700_001), Some(EventSn(i64::MAX / 2))),
        ]);
        assert_eq!(decode(&encode(&changes)).expect("readable").into_iter().collect::<Changes>(), changes);
    }

    #[test]
    fn damaged_bytes_are_a_fault() {
        assert!(decode(&[0x80]).is_err());
        assert!(decode(&[2]).is_err());
    }
}
