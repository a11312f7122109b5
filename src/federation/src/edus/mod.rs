//! EDUs from other servers (server-server API, "EDUs"): typing, receipts, presence, device lists, cross-signing keys
//! and to-device messages.
//!
//! A server speaks for its own users only, and in a room only for users who are in it. Other EDUs, and malformed ones,
//! are dropped silently; the rest of the transaction is processed all the same.

mod devices;
mod late;
mod presence;
mod receipts;
mod typing;
mod visibility;

use hearth_base::boxed;
use std::collections::VecDeque;
use std::sync::Arc;

use hearth_base::limits::EVENTS_PER_RECEIPT_MAX;
use hearth_base::limits::federation::{DEVICE_LIST_EDU_ROWS, EDU_ROWS_PER_WRITE_MAX, TO_DEVICE_TARGETS_PER_ROW};
use hearth_base::limits::users::TO_DEVICE_ROWS_PER_WRITE_MAX;
use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_store::{Lane, WriteTx};
use ruma::ServerName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Federation;

pub(super) use late::PendingReceipts;

/// An EDU, parsed without database access.
enum ParsedEdu {
    /// To-device messages.
    Messages(hearth_users::crypto::to_device::Received),
    /// A device list update.
    Device(hearth_users::crypto::remote::DeviceNews),
    /// New cross-signing keys.
    Identity(ruma::api::federation::transactions::edu::SigningKeyUpdateContent),
    /// A user starts or stops typing.
    Typing(ruma::api::federation::transactions::edu::TypingContent),
    /// Read receipts.
    Receipts(Vec<receipts::RemoteReceipt>),
    /// Presence updates.
    Presence(Vec<ruma::api::federation::transactions::edu::PresenceUpdate>),
}

impl Federation {
    /// Processes one EDU. An error means a local fault: the sender must retry the transaction.
    #[boxed]
    pub async fn edu(&self, origin: &ServerName, edu: &RawValue) -> Result<()> {
        self.edus(origin, std::iter::once(edu)).await
    }

    /// Processes the EDUs of a transaction in order; durable ones are committed when this returns. An error means a
    /// local fault: the sender must retry the transaction.
    ///
    /// Many, or those that name many devices, take several writes, so that others' writes come in between. After a fault the
    /// sender repeats those that have been taken in, too: messages are recognised by their ids, and the other kinds say
    /// what is the case now.
    pub async fn edus(&self, origin: &ServerName, edus: impl IntoIterator<Item = &RawValue>) -> Result<()> {
        let read = edus.into_iter().filter_map(|edu| read(&self.core, origin, edu));
        let mut news: VecDeque<ParsedEdu> = read.flat_map(ParsedEdu::split).collect();
        while !news.is_empty() {
            let left = self.store_edus(origin, next_piece(&mut news)).await?;
            left.into_iter().rev().for_each(|edu| news.push_front(edu));
        }
        Ok(())
    }

    /// Processes EDUs in one write. Returns those that it has no room for, the first of them perhaps in part.
    async fn store_edus(&self, origin: &ServerName, mut news: VecDeque<ParsedEdu>) -> Result<VecDeque<ParsedEdu>> {
        let (core, parts, late) = (self.core.clone(), self.parts.clone(), self.late.clone());
        let origin = origin.to_owned();
        let take_in = move |tx: &mut WriteTx<'_>| {
            let mut rows_left = TO_DEVICE_ROWS_PER_WRITE_MAX;
            while let Some(edu) = news.pop_front() {
                let taken = match edu {
                    ParsedEdu::Messages(messages) => match messages.deliver(&core, tx, &mut rows_left) {
                        Ok(false) => {
                            news.push_front(ParsedEdu::Messages(messages));
                            return Ok(news);
                        }
                        taken => taken.map(drop),
                    },
                    ParsedEdu::Device(news) => devices::device(&core, tx, &news),
                    ParsedEdu::Identity(news) => devices::identity(&core, tx, &news),
                    ParsedEdu::Typing(news) => typing::take_in(&core, tx, &parts, &origin, &news),
                    ParsedEdu::Receipts(receipts) => {
                        let unplaced = receipts::take_in(&core, tx, &origin, receipts)?;
                        let late = late.clone();
                        tx.after_commit(move || late.add(unplaced));
                        Ok(())
                    }
                    ParsedEdu::Presence(news) => presence::take_in(tx, &parts, news),
                };
                match taken {
                    // Rolls back all EDUs of this write; the sender's retry repeats them.
                    Err(Error::Fault(fault)) => return Err(fault.into()),
                    Err(refusal) => tracing::debug!(server = %origin, %refusal, "Dropped an EDU."),
                    Ok(()) => {}
                }
            }
            Ok(news)
        };
        self.core.store.write_in(Lane::Federation, "edus", take_in).await
    }

    /// Retries receipts that arrived before their event. Runs until it is dropped, and sleeps while there are none.
    #[boxed]
    pub async fn take_in_late_receipts(&self) {
        self.late.run(&self.core).await;
    }
}

impl ParsedEdu {
    /// Parts that do not depend on one another, each for one write at most. Messages to devices split themselves.
    fn split(self) -> Vec<Self> {
        let (receipts, updates) = (EDU_ROWS_PER_WRITE_MAX / EVENTS_PER_RECEIPT_MAX, EDU_ROWS_PER_WRITE_MAX);
        match self {
            Self::Receipts(all) => all.chunks(receipts).map(|part| Self::Receipts(part.to_vec())).collect(),
            Self::Presence(all) => all.chunks(updates).map(|part| Self::Presence(part.to_vec())).collect(),
            other => vec![other],
        }
    }

    /// How many look-ups and rows it takes, about.
    fn weight(&self) -> usize {
        match self {
            // The devices that exist are counted in the write, others cost little.
            Self::Messages(messages) => 1 + messages.targets() / TO_DEVICE_TARGETS_PER_ROW,
            Self::Typing(_) => 1,
            Self::Receipts(receipts) => receipts.iter().map(|receipt| receipt.weight()).sum::<usize>().max(1),
            Self::Presence(updates) => updates.len().max(1),
            Self::Device(_) | Self::Identity(_) => DEVICE_LIST_EDU_ROWS,
        }
    }
}

/// Takes the EDUs of the next write: at least one, and no more than [`EDU_ROWS_PER_WRITE_MAX`] allows.
fn next_piece(news: &mut VecDeque<ParsedEdu>) -> VecDeque<ParsedEdu> {
    let (mut piece, mut weight) = (VecDeque::new(), 0);
    while let Some(next) = news.front() {
        weight += next.weight();
        if !piece.is_empty() && weight > EDU_ROWS_PER_WRITE_MAX {
            break;
        }
        piece.extend(news.pop_front());
    }
    piece
}

/// The fields common to all EDUs.
#[derive(Deserialize)]
struct Shape<'a> {
    edu_type: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Parses an EDU; `None` for unknown kinds, malformed content, and content about users of another server.
fn read(core: &Arc<RoomCore>, origin: &ServerName, edu: &RawValue) -> Option<ParsedEdu> {
    let shape: Shape<'_> = serde_json::from_str(edu.get())
        .inspect_err(|error| tracing::debug!(server = %origin, %error, "Malformed EDU."))
        .ok()?;
    let news = match shape.edu_type.as_str() {
        "m.typing" => content(&shape).map(ParsedEdu::Typing).filter(|news| of(origin, news)),
        "m.receipt" => Some(ParsedEdu::Receipts(receipts::read(origin, shape.content))),
        "m.presence" => Some(ParsedEdu::Presence(presence::read(origin, shape.content))),
        "m.direct_to_device" => devices::messages(core, origin, content(&shape)?).map(ParsedEdu::Messages),
        "m.device_list_update" => devices::read(origin, content(&shape)?).map(ParsedEdu::Device),
        "m.signing_key_update" | "org.matrix.signing_key_update" => {
            content(&shape).map(ParsedEdu::Identity).filter(|news| of(origin, news))
        }
        _ => None,
    };
    if news.is_none() {
        tracing::debug!(server = %origin, edu.kind = %shape.edu_type.escape_debug(), "Ignored an EDU.");
    }
    news
}

fn content<T: DeserializeOwned>(shape: &Shape<'_>) -> Option<T> {
    serde_json::from_str(shape.content.get()).ok()
}

fn of(origin: &ServerName, news: &ParsedEdu) -> bool {
    match news {
        ParsedEdu::Typing(news) => news.user_id.server_name() == origin,
        ParsedEdu::Identity(news) => news.user_id.server_name() == origin,
        _ => true,
    }
}
