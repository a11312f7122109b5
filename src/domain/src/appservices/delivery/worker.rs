//! The worker of one application service.

use std::sync::Arc;

use bytes::Bytes;
use hearth_base::backoff::Backoff;
use hearth_base::limits::domain::{
    APPSERVICE_RETRY_FIRST_MS, APPSERVICE_RETRY_MS_MAX, APPSERVICE_TXN_WAIT, APPSERVICE_UNRECORDED_POSITIONS_MAX,
};
use hearth_base::{Error, Position, Result};
use hearth_core::appservices::Registration;
use hearth_store::tables::appservices::{self as table, TransactionEnd};
use hearth_store::tables::to_device;
use hearth_store::{Lane, ReadTx, WriteTx};
use http::Method;
use tokio::sync::watch;

use super::Line;
use super::interest::Interest;
use super::transaction::{Built, Part, Transaction, build};
use crate::appservices::Appservices;

const BACKOFF: Backoff = Backoff::new(APPSERVICE_RETRY_FIRST_MS, APPSERVICE_RETRY_MS_MAX);

pub(super) struct Worker<'a> {
    appservices: &'a Appservices,
    service: Arc<Registration>,
    line: Arc<Line>,
    changes: watch::Receiver<Position>,
    /// Up to where the streams were read; what is recorded may be behind, if nothing was of interest.
    read: Option<Cursor>,
    /// Whether to-device messages may wait.
    mail: bool,
}

/// A place in the streams.
struct Cursor {
    at: Position,
    recorded: Position,
    txn: u64,
    interest: Interest,
}

impl<'a> Worker<'a> {
    pub(super) fn new(appservices: &'a Appservices, service: Arc<Registration>) -> Self {
        let line = appservices.deliveries.line(&service.id);
        let changes = appservices.core.notifier.follow_all();
        // What arrived before the start was noted by nothing.
        Self { appservices, service, line, changes, read: None, mail: true }
    }

    /// Delivers until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            self.changes.mark_unchanged();
            match self.deliver().await {
                Ok(true) => {}
                // An error means that the notifier is gone: the server stops.
                Ok(false) => _ = self.changes.changed().await,
                Err(error) => {
                    // Begin anew from what is on disk, with the messages of a transaction that is under way there.
                    (self.read, self.mail) = (None, true);
                    self.failed(&error.for_operator()).await;
                }
            }
        }
    }

    /// Reads the next part of the streams and sends what is of interest. Returns whether there is more.
    async fn deliver(&mut self) -> Result<bool> {
        self.mail |= self.appservices.core.appservices.take_to_device(&self.service.id);
        let (mut cursor, end) = match self.read.take() {
            Some(cursor) => (cursor, None),
            None => self.load().await?,
        };
        let part = Part { after: cursor.at, end, mail: self.mail };
        let sources = self.appservices.sources(self.service.clone());
        let read = move |tx: &mut ReadTx<'_>| {
            let built = build(&sources, tx, &mut cursor.interest, part)?;
            Ok((cursor, built))
        };
        let (mut cursor, built) = self.appservices.core.store.read_slow("appservice_transaction", read).await?;
        let Built { transaction, upto, more, more_mail } = built;
        cursor.at = upto;
        self.mail = more_mail;
        if let Some(transaction) = transaction {
            let txn = if end.is_some() { cursor.txn } else { self.begin(cursor.txn + 1, transaction.end).await? };
            self.send(txn, &transaction).await;
            self.settle(&transaction).await?;
            (cursor.txn, cursor.recorded) = (txn, upto);
        } else if upto.0.saturating_sub(cursor.recorded.0) > APPSERVICE_UNRECORDED_POSITIONS_MAX {
            self.record(upto).await?;
            cursor.recorded = upto;
        }
        self.read = Some(cursor);
        Ok(more || more_mail)
    }

    /// The place that is on disk, with the bounds of a transaction that a crash has interrupted.
    async fn load(&self) -> Result<(Cursor, Option<TransactionEnd>)> {
        let service = self.service.clone();
        let read = move |tx: &mut ReadTx<'_>| {
            let row = table::get(tx.tx(), &service.id)?;
            let row = row.ok_or_else(|| Error::broken("an application service has no row"))?;
            let interest = Interest::load(tx.tx(), &service, row.sent)?;
            Ok((Cursor { at: interest.at(), recorded: row.sent, txn: row.txn, interest }, row.under_way))
        };
        self.appservices.core.store.read_slow("appservice_load", read).await
    }

    async fn begin(&self, txn: u64, end: TransactionEnd) -> Result<u64> {
        let id = self.service.id.clone();
        let write = move |tx: &mut WriteTx<'_>| table::begin(tx.tx(), &id, txn, end);
        self.appservices.core.store.write_in(Lane::Federation, "appservice_begin", write).await?;
        Ok(txn)
    }

    async fn settle(&self, transaction: &Transaction) -> Result<()> {
        let (id, sent, now_ms) = (self.service.id.clone(), transaction.end.upto, self.appservices.core.now_ms());
        let delivered = transaction.delivered.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            for (device, upto) in delivered {
                to_device::delete_upto(tx.tx(), device, upto)?;
            }
            table::settle(tx.tx(), &id, sent, now_ms)
        };
        self.appservices.core.store.write_in(Lane::Federation, "appservice_settle", write).await
    }

    async fn record(&self, upto: Position) -> Result<()> {
        let id = self.service.id.clone();
        let write = move |tx: &mut WriteTx<'_>| table::advance(tx.tx(), &id, upto);
        self.appservices.core.store.write_in(Lane::Upkeep, "appservice_advance", write).await
    }

    /// Sends a transaction until the service accepts it.
    async fn send(&self, txn: u64, transaction: &Transaction) {
        loop {
            match self.put(txn, transaction.body.clone()).await {
                Ok(()) => break,
                Err(why) => self.failed(&why).await,
            }
        }
        if self.line.succeeded() > 0 {
            tracing::info!(appservice = self.service.id, "The application service accepts transactions again.");
        }
    }

    async fn put(&self, txn: u64, body: Bytes) -> Result<(), String> {
        let target = format!("/_matrix/app/v1/transactions/{txn}");
        let answer = self.appservices.ask(&self.service, Method::PUT, &target, body, APPSERVICE_TXN_WAIT).await;
        let answer = answer.map_err(|silence| silence.in_words())?;
        if answer.is_ok() { Ok(()) } else { Err(answer.in_words()) }
    }

    /// Notes a failure, and waits until another attempt makes sense.
    async fn failed(&self, why: &str) {
        let core = &self.appservices.core;
        let failures = self.line.failed(why, core.now_ms());
        if failures == 1 {
            tracing::warn!(appservice = self.service.id, error = why, "Failed to deliver to an application service.");
        }
        let wait = BACKOFF.wait(failures, core.seams.random.chance());
        self.line.waits_until(core.now_ms() + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.line.retried() => {}
        }
    }
}
