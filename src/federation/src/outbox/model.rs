//! The outbox's state in memory: destinations of each row, the next transactions, and pending database writes.
//!
//! A pure state machine: the loop in `run.rs` asks it what to do and reports the result.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits::federation::{OUTBOX_ALIVE_EVERY, OUTBOX_IDLE_SERVERS_MAX};
use hearth_base::{Millis, Position, limits};
use hearth_rooms::outgoing::{EphemeralEdu, OutgoingShares};
use hearth_store::ids::DestinationSn;
use hearth_store::tables::destinations::DestinationHealth;
use hearth_store::tables::outgoing::OutgoingKind;
use ruma::{OwnedServerName, ServerName};
use tokio::time::Instant;

use super::ephemeral::EphemeralQueue;
use super::server::{Phase, Server};

/// A transaction that runs for longer than this does not count against the concurrency limit.
const SLOW_AFTER: Duration = Duration::from_secs(3);
/// How long receipts and presence wait for others, when nothing else is to be sent.
const LINGER: Duration = Duration::from_millis(200);

/// The items of one transaction.
#[derive(Debug)]
pub(super) struct TransactionPlan {
    pub(super) to: OwnedServerName,
    pub(super) events: Vec<Position>,
    pub(super) edus: Vec<Position>,
    pub(super) ephemera: EphemeralQueue,
    /// Items of the plan that can never be serialised.
    pub(super) left_out: Vec<LeftOut>,
}

/// A row that cannot be sent in any way.
#[derive(Debug)]
pub(super) struct LeftOut {
    /// The position of its row.
    pub(super) at: Position,
    /// Whether it is an event.
    pub(super) is_event: bool,
    /// The reason, for the operator.
    pub(super) why: String,
}

impl TransactionPlan {
    /// Notes a row that cannot be sent.
    pub(super) fn leave_out(&mut self, at: Position, is_event: bool, why: String) {
        if self.left_out.iter().all(|other| other.at != at) {
            self.left_out.push(LeftOut { at, is_event, why });
        }
    }
}

/// The outbox's state machine.
#[derive(Debug, Default)]
pub(super) struct OutboxModel {
    /// Remaining destinations of each row, ascending. Fully delivered rows are not here.
    rows: HashMap<Position, Vec<DestinationSn>>,
    /// Rows that differ from the database.
    touched: BTreeSet<Position>,
    pub(super) servers: HashMap<OwnedServerName, Server>,
    ready: VecDeque<OwnedServerName>,
    due: BTreeSet<(Instant, OwnedServerName)>,
    busy: HashMap<OwnedServerName, Instant>,
    unsaved: HashSet<OwnedServerName>,
    /// What senders may queue; each row that leaves a queue makes room.
    shares: Arc<OutgoingShares>,
}

impl OutboxModel {
    pub(super) fn new(shares: Arc<OutgoingShares>) -> Self {
        Self { shares, ..Self::default() }
    }

    /// Adds a row, unless it is known.
    pub(super) fn add_row<'a>(
        &mut self,
        at: Position,
        news: &OutgoingKind,
        to: impl Iterator<Item = (DestinationSn, &'a OwnedServerName)>,
        now: Instant,
    ) {
        // A row committed between opening the queue and reading the database arrives twice.
        if self.rows.contains_key(&at) {
            return;
        }
        let (mut missing, mut superfluous) = (Vec::new(), Vec::new());
        for (sn, name) in to {
            let server = self.server(name);
            server.sn = Some(sn);
            let mut gone = server.queue.push(at, news);
            gone.extend(server.queue.thin(server.events_max()));
            superfluous.extend(gone.into_iter().map(|at| (sn, at)));
            missing.push(sn);
            self.arrange(name, now);
        }
        self.rows.insert(at, missing);
        superfluous.into_iter().for_each(|(sn, at)| self.got(sn, &[at]));
    }

    /// Adds an item that is only in memory.
    pub(super) fn add_ephemeral(&mut self, to: &OwnedServerName, news: &EphemeralEdu, now: Instant) {
        let server = self.server(to);
        server.queue.ephemera.add(news);
        // The server is in back-off, and will not be sent what is outdated by its end.
        if server.retry.is_some() {
            server.queue.ephemera.fade();
        }
        self.arrange(to, now);
    }

    /// Loads a server's stored health.
    pub(super) fn add_server(
        &mut self,
        name: OwnedServerName,
        sn: DestinationSn,
        health: DestinationHealth,
        retry: Option<Instant>,
    ) {
        let server = self.servers.entry(name).or_insert_with(|| Server::new(Some(sn), health));
        server.retry = retry;
    }

    fn server(&mut self, name: &OwnedServerName) -> &mut Server {
        if !self.servers.contains_key(name) {
            self.servers.insert(name.clone(), Server::new(None, DestinationHealth::default()));
        }
        self.servers.get_mut(name).expect("it was put there")
    }

    /// Puts a server into the schedule again after a change, unless a transaction runs.
    fn arrange(&mut self, name: &ServerName, now: Instant) {
        let Some((name, server)) = self.servers.get_key_value(name) else { return };
        let wanted = match (server.phase, server.retry) {
            (Phase::Busy, _) => Phase::Busy,
            _ if server.queue.is_empty() => Phase::Idle,
            (_, Some(retry)) if retry > now => Phase::Waiting(retry),
            // Keeps the first deadline: later receipts must not extend the wait.
            (Phase::Waiting(at), None) if !server.queue.is_urgent() => Phase::Waiting(at),
            (Phase::Ready, _) => Phase::Ready,
            (_, None) if !server.queue.is_urgent() => Phase::Waiting(now + LINGER),
            _ => Phase::Ready,
        };
        let name = name.clone();
        self.enter(name, wanted);
    }

    fn enter(&mut self, name: OwnedServerName, wanted: Phase) {
        let Some(server) = self.servers.get_mut(&name) else { return };
        let before = std::mem::replace(&mut server.phase, wanted);
        if before == wanted {
            return;
        }
        match before {
            Phase::Waiting(at) => _ = self.due.remove(&(at, name.clone())),
            Phase::Ready => self.ready.retain(|other| *other != name),
            Phase::Busy => _ = self.busy.remove(&name),
            Phase::Idle => {}
        }
        match wanted {
            Phase::Waiting(at) => _ = self.due.insert((at, name)),
            Phase::Ready => self.ready.push_back(name),
            Phase::Idle | Phase::Busy => {}
        }
    }

    /// The next transaction to start now, if there is one and the concurrency limit allows it.
    pub(super) fn next(&mut self, now: Instant) -> Option<TransactionPlan> {
        while let Some((at, name)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            tracing::trace!(?at, server = %name, "due");
            self.enter(name, Phase::Ready);
        }
        if self.room_at(now).is_none_or(|at| at > now) {
            return None;
        }
        let name = self.ready.pop_front()?;
        let server = self.servers.get_mut(&name)?;
        server.phase = Phase::Busy;
        server.tried = Some(now);
        let superfluous = server.queue.coalesce();
        let (events, mut edus) =
            server.queue.first(server.batch_max, limits::TRANSACTION_EDUS_MAX.min(server.batch_max));
        // A single item, to find the one that the server refuses.
        if server.batch_max == 1 && !events.is_empty() {
            edus.clear();
        }
        let left = if server.batch_max == 1 { 0 } else { limits::TRANSACTION_EDUS_MAX - edus.len() };
        let ephemera = server.queue.ephemera.take(left);
        if let Some(sn) = server.sn {
            self.got(sn, &superfluous);
        }
        self.busy.insert(name.clone(), now);
        Some(TransactionPlan { to: name, events, edus, ephemera, left_out: Vec::new() })
    }

    /// When the concurrency limit allows another transaction; `None` while only the end of a running one does.
    fn room_at(&self, now: Instant) -> Option<Instant> {
        if self.busy.len() >= limits::OUTGOING_TRANSACTIONS_WITH_SLOW_MAX {
            return None;
        }
        // Slow transactions are not counted, so that unresponsive servers do not block the others.
        let mut fresh: Vec<Instant> =
            self.busy.values().map(|begun| *begun + SLOW_AFTER).filter(|slow| *slow > now).collect();
        if fresh.len() < limits::OUTGOING_TRANSACTIONS_MAX {
            return Some(now);
        }
        fresh.sort_unstable();
        fresh.get(fresh.len() - limits::OUTGOING_TRANSACTIONS_MAX).copied()
    }

    /// When to call [`Self::next`] again without an event.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        let room = if self.ready.is_empty() { None } else { self.room_at(now) };
        due.into_iter().chain(room).min()
    }

    /// A transaction was accepted.
    pub(super) fn succeeded(&mut self, plan: TransactionPlan, now: Instant, now_ms: Millis) {
        let Some(server) = self.servers.get_mut(&plan.to) else { return };
        let sn = server.sn;
        server.succeeded(now_ms);
        server.queue.remove(&plan.events);
        server.queue.remove(&plan.edus);
        if let Some(sn) = sn {
            self.got(sn, &plan.events);
            self.got(sn, &plan.edus);
        }
        self.end(plan.to, now);
    }

    /// A transaction failed; `wait` computes the back-off from the number of failures and the time since the first.
    pub(super) fn failed(
        &mut self,
        plan: TransactionPlan,
        why: String,
        (now, now_ms): (Instant, Millis),
        wait_ms: impl FnOnce(u32, Millis) -> Millis,
    ) {
        let Some(server) = self.servers.get_mut(&plan.to) else { return };
        server.queue.ephemera.put_back(plan.ephemera);
        let away_ms = server.health.failing_since_ms.map_or(0, |since| now_ms.saturating_sub(since));
        let wait_ms = wait_ms(server.health.failures + 1, away_ms);
        server.failed(why, now_ms, wait_ms, now + Duration::from_millis(wait_ms));
        let mut dropped = server.queue.thin(server.events_max());
        dropped.extend(server.expired(now_ms));
        if let Some(sn) = server.sn {
            self.got(sn, &dropped);
        }
        self.end(plan.to, now);
    }

    /// So many EDUs did not fit into the queue of a server.
    pub(super) fn left_out_full(&mut self, name: &OwnedServerName, count: usize, now: Instant, now_ms: Millis) {
        let reason = "their senders have too many messages waiting for the server".to_owned();
        self.server(name).give_up(count, now_ms, reason);
        self.replan(name, now);
    }

    /// The server refused a transaction for its content; true if the content was dropped. Call [`Self::failed`] next
    /// in any case.
    pub(super) fn refused(&mut self, plan: &mut TransactionPlan) -> bool {
        let Some(server) = self.servers.get_mut(&plan.to) else { return false };
        // Emptied before `failed` puts them back: they may be what the server refuses.
        plan.ephemera = EphemeralQueue::default();
        let sn = server.sn;
        if !server.refused(plan.events.len() + plan.edus.len()) {
            return false;
        }
        server.queue.remove(&plan.events);
        server.queue.remove(&plan.edus);
        if let Some(sn) = sn {
            self.got(sn, &plan.events);
            self.got(sn, &plan.edus);
        }
        true
    }

    /// Removes the items that cannot be sent, whatever the result of the others, and counts them for the operator.
    pub(super) fn leave_out(&mut self, plan: &mut TransactionPlan) {
        let Some(server) = self.servers.get_mut(&plan.to) else { return };
        let rows: Vec<Position> = plan.left_out.iter().map(|one| one.at).collect();
        for LeftOut { at, is_event, why } in plan.left_out.drain(..) {
            let what = if is_event { "an event" } else { "an EDU" };
            tracing::error!(server = %plan.to, row = %at, why, "Left out {what} that cannot be written; what waits behind it goes on.");
            server.left_out.count += 1;
            server.left_out.last = Some(format!("{what} was left out: {why}"));
        }
        server.queue.remove(&rows);
        plan.events.retain(|at| !rows.contains(at));
        plan.edus.retain(|at| !rows.contains(at));
        if let Some(sn) = server.sn {
            self.got(sn, &rows);
        }
    }

    /// A transaction could not be built, for a local reason.
    pub(super) fn postponed(&mut self, plan: TransactionPlan, until: Instant, now: Instant) {
        let Some(server) = self.servers.get_mut(&plan.to) else { return };
        server.queue.ephemera.put_back(plan.ephemera);
        server.retry = Some(until);
        self.end(plan.to, now);
    }

    fn end(&mut self, name: OwnedServerName, now: Instant) {
        self.enter(name.clone(), Phase::Idle);
        self.replan(&name, now);
    }

    /// An unreachable server has sent a request: it is retried soon. True if that changed the schedule.
    pub(super) fn alive(&mut self, name: &ServerName, now: Instant, now_ms: Millis) -> bool {
        let Some(server) = self.servers.get_mut(name).filter(|server| server.is_failing()) else { return false };
        let soon = server.tried.map_or(now, |tried| tried + OUTBOX_ALIVE_EVERY);
        if server.phase != Phase::Busy && server.retry.is_none_or(|retry| retry <= soon) {
            return false;
        }
        server.forgiven(now_ms);
        server.retry = (soon > now).then_some(soon);
        self.replan(name, now);
        true
    }

    /// The operator requests a retry now.
    pub(super) fn retry(&mut self, name: &ServerName, now: Instant, now_ms: Millis) {
        if let Some(server) = self.servers.get_mut(name) {
            server.forgiven(now_ms);
            self.replan(name, now);
        }
    }

    /// Delays a server's first transaction to `at`.
    pub(super) fn delay(&mut self, name: &ServerName, at: Instant, now: Instant) {
        if let Some(server) = self.servers.get_mut(name)
            && server.retry.is_none()
        {
            server.retry = Some(at);
            self.replan(name, now);
        }
    }

    fn replan(&mut self, name: &ServerName, now: Instant) {
        self.arrange(name, now);
        if self.servers.get(name).is_some_and(Server::is_unsaved) {
            self.unsaved.insert(name.to_owned());
        }
    }

    /// Notes that these rows are delivered to a server.
    pub(super) fn got(&mut self, sn: DestinationSn, rows: &[Position]) {
        for at in rows {
            let Some(missing) = self.rows.get_mut(at) else { continue };
            if let Ok(index) = missing.binary_search(&sn) {
                missing.remove(index);
                self.touched.insert(*at);
                self.shares.release(*at, sn);
            }
            if missing.is_empty() {
                self.rows.remove(at);
            }
        }
    }

    /// Notes a database row without destinations.
    pub(super) fn orphan(&mut self, at: Position) {
        self.rows.remove(&at);
        self.touched.insert(at);
    }

    /// Whether database writes are pending.
    pub(super) fn is_unsettled(&self) -> bool {
        !self.touched.is_empty() || !self.unsaved.is_empty()
    }

    /// The pending database writes: rows with their remaining destinations, at most `rows_max`, and servers. Report
    /// the result with [`Self::settled`].
    pub(super) fn unsettled(&mut self, rows_max: usize) -> UnsettledRows {
        let rest = self.touched.iter().nth(rows_max).copied().map(|at| self.touched.split_off(&at)).unwrap_or_default();
        let touched = std::mem::replace(&mut self.touched, rest);
        let rows = touched.into_iter().map(|at| (at, self.rows.get(&at).cloned().unwrap_or_default())).collect();
        let unsaved = std::mem::take(&mut self.unsaved).into_iter();
        let servers = unsaved.filter_map(|name| {
            let health = self.servers.get(&name)?.health.clone();
            Some((name, health))
        });
        UnsettledRows { rows, servers: servers.collect() }
    }

    /// The writes from [`Self::unsettled`] were committed, or failed and stay pending.
    pub(super) fn settled(&mut self, what: UnsettledRows, written: bool) {
        if !written {
            self.touched.extend(what.rows.into_iter().map(|(at, _)| at));
        }
        for (name, health) in what.servers {
            let Some(server) = self.servers.get_mut(&name) else { continue };
            if written {
                server.saved = health;
            }
            if server.is_unsaved() {
                self.unsaved.insert(name);
            }
        }
        if self.servers.len() > OUTBOX_IDLE_SERVERS_MAX {
            self.servers.retain(|_, server| !server.is_forgettable());
        }
    }

    /// The number of servers in back-off, of waiting events, and of other waiting items.
    pub(super) fn totals(&self) -> (usize, usize, usize) {
        let away = self.servers.values().filter(|server| server.is_failing()).count();
        let lengths = self.servers.values().map(|server| server.queue.lengths());
        lengths.fold((away, 0, 0), |(away, events, others), (more, other)| (away, events + more, others + other))
    }
}

/// Pending database writes.
#[derive(Debug, Clone)]
pub(super) struct UnsettledRows {
    pub(super) rows: Vec<(Position, Vec<DestinationSn>)>,
    pub(super) servers: Vec<(OwnedServerName, DestinationHealth)>,
}
