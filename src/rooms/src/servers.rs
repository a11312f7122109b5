//! The other servers in a room: they receive its events and may be asked about it.
//!
//! Servers that the configuration denies do not count. Cached like the local members, and invalidated with them
//! (`locals.rs`).

use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::rooms::SERVERS_CACHED_ROOMS_MAX;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{DestinationSn, RoomSn};
use hearth_store::tables::{destinations, memberships};
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};

use crate::RoomCore;

/// Other servers, by name and by serial number, in ascending order of serial numbers.
#[derive(Debug, Clone, Default)]
pub struct Servers(Arc<[(DestinationSn, OwnedServerName)]>);

/// Cache of the servers of rooms, filled by the writer.
#[derive(Debug)]
pub(super) struct ServerCache(Cache<RoomSn, Servers>);

impl Default for ServerCache {
    fn default() -> Self {
        Self(Cache::new(SERVERS_CACHED_ROOMS_MAX))
    }
}

impl ServerCache {
    pub(super) fn forget(&self, room: RoomSn) {
        self.0.remove(&room);
    }
}

impl Servers {
    /// Assigns serial numbers to servers. Omits servers that the configuration denies.
    pub fn intern<'a>(
        core: &RoomCore,
        tx: &mut WriteTx<'_>,
        names: impl IntoIterator<Item = &'a ServerName>,
    ) -> Result<Self> {
        let names = names.into_iter().filter(|name| core.check_talks_to(name).is_ok());
        let found = names.map(|name| Ok((destinations::intern(tx, name.as_str())?, name.to_owned())));
        Ok(Self::sorted(found.collect::<Result<_>>()?))
    }

    fn sorted(mut list: Vec<(DestinationSn, OwnedServerName)>) -> Self {
        list.sort_unstable_by_key(|(sn, _)| *sn);
        list.dedup_by_key(|(sn, _)| *sn);
        Self(list.into())
    }

    /// Returns whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over serial numbers and names, ascending by serial number.
    pub fn iter(&self) -> impl Iterator<Item = &(DestinationSn, OwnedServerName)> {
        self.0.iter()
    }

    /// Returns the serial numbers, ascending.
    #[must_use]
    pub fn sns(&self) -> Vec<DestinationSn> {
        self.iter().map(|(sn, _)| *sn).collect()
    }

    /// Returns the union of both lists.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        if others.is_empty() || Arc::ptr_eq(&self.0, &others.0) {
            return self;
        }
        Self::sorted(self.iter().chain(others.iter()).cloned().collect())
    }

    /// Returns the list without one server.
    #[must_use]
    pub fn without(self, server: &ServerName) -> Self {
        if !self.iter().any(|(_, name)| name == server) {
            return self;
        }
        Self(self.iter().filter(|(_, name)| name != server).cloned().collect())
    }
}

/// Returns the other servers with joined members in a room. For reads and writes. In a read, the cache may be newer
/// than the read's snapshot.
pub fn of(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn) -> Result<Arc<[OwnedServerName]>> {
    if let Some(known) = core.locals.servers.0.get(&room) {
        return Ok(known.iter().map(|(_, name)| name.clone()).collect());
    }
    // Do not fill the cache here: a read's snapshot may be older than the change that evicted the entry.
    Ok(look(core, tx, room)?.into())
}

/// Whether a server has joined members in a room. As [`of`], without a copy of the list.
pub fn has(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, server: &ServerName) -> Result<bool> {
    if let Some(known) = core.locals.servers.0.get(&room) {
        return Ok(known.iter().any(|(_, name)| name == server));
    }
    Ok(look(core, tx, room)?.iter().any(|name| name == server))
}

/// As [`of`], with serial numbers; assigns them where they are missing.
pub fn numbered(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: RoomSn) -> Result<Servers> {
    if let Some(known) = core.locals.servers.0.get(&room) {
        return Ok(known);
    }
    let names = look(core, tx.tx(), room)?;
    let servers = Servers::intern(core, tx, names.iter().map(|name| &**name))?;
    let (core, list) = (core.clone(), servers.clone());
    // Only after the commit: if this closure rolls back, the assigned serial numbers are gone, too.
    tx.after_commit(move || core.locals.servers.0.insert(room, list));
    Ok(servers)
}

fn look(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<OwnedServerName>> {
    let mut names = BTreeSet::new();
    memberships::remote_joined(tx, room, &mut |user| {
        if let Some((_, server)) = user.split_once(':')
            && !names.contains(server)
        {
            names.insert(server.to_owned());
        }
    })?;
    let names = names.into_iter().filter_map(|name| ServerName::parse(name).ok());
    Ok(names.filter(|name| core.check_talks_to(name).is_ok()).collect())
}
