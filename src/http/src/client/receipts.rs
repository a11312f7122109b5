//! Read receipts and the fully-read marker.

use hearth_base::{Error, Result};
use hearth_domain::ephemeral::receipts::Read;
use ruma::api::client::read_marker::set_read_marker;
use ruma::api::client::receipt::create_receipt::{self, v3::ReceiptType};
use ruma::events::receipt::ReceiptThread;

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(receipt).rate(Rate::Other).all_but_locked(),
        Endpoint::new(markers).rate(Rate::Other).all_but_locked(),
    ]
}

async fn receipt(app: App, request: Ruma<create_receipt::v3::Request>) -> Result<create_receipt::v3::Response> {
    let (event, thread) = (request.event_id.clone(), request.thread.clone());
    let read = match request.receipt_type {
        ReceiptType::Read => Read { public: Some((event, thread)), ..Read::default() },
        ReceiptType::ReadPrivate => Read { private: Some((event, thread)), ..Read::default() },
        ReceiptType::FullyRead if thread != ReceiptThread::Unthreaded => {
            return Err(Error::invalid("`m.fully_read` is about the whole room; leave `thread_id` out."));
        }
        ReceiptType::FullyRead => Read { fully: Some(event), ..Read::default() },
        _ => return Err(Error::invalid("A receipt is of the type m.read, m.read.private or m.fully_read.")),
    };
    app.domain.actions.mark_read(request.user()?, &request.room_id, read).await?;
    Ok(create_receipt::v3::Response::new())
}

async fn markers(app: App, request: Ruma<set_read_marker::v3::Request>) -> Result<set_read_marker::v3::Response> {
    let read = Read {
        fully: request.fully_read.clone(),
        public: request.read_receipt.clone().map(|event| (event, ReceiptThread::Unthreaded)),
        private: request.private_read_receipt.clone().map(|event| (event, ReceiptThread::Unthreaded)),
    };
    app.domain.actions.mark_read(request.user()?, &request.room_id, read).await?;
    Ok(set_read_marker::v3::Response::new())
}
