//! Memory for the request bodies of all clients together, shared by client address.
//!
//! A body is counted as it arrives and until its request is answered. Small bodies are not counted, so that logins and messages
//! go on while large ones wait. A client that has used up its share waits, then is refused; what others have received so far
//! is not touched.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use hearth_base::{Reason, Result, error::refuse, limits};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::app::ClientAddress;

/// How long a body waits for memory before its request is refused.
const WAIT: Duration = Duration::from_millis(limits::CLIENT_BODY_WAIT_MS_MAX);
/// How long a body may take to arrive in all. [`limits::BODY_SILENCE_MS_MAX`] alone lets a client send a byte now and then.
const ARRIVAL: Duration = Duration::from_millis(limits::CLIENT_BODY_MS_MAX);

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    by_client: HashMap<Option<IpAddr>, usize>,
}

/// The memory of all bodies.
#[derive(Debug, Default)]
pub struct BodyBudget {
    held: Mutex<Held>,
    freed: Notify,
}

/// What one body holds of it, given back when it is dropped.
#[derive(Debug)]
pub(super) struct BodyShare {
    budget: Arc<BodyBudget>,
    client: Option<IpAddr>,
    bytes: usize,
}

impl BodyShare {
    pub(super) fn new(budget: &Arc<BodyBudget>, client: ClientAddress) -> Self {
        Self { budget: Arc::clone(budget), client: client.0, bytes: 0 }
    }

    /// Reads a body of at most `bytes_max` and holds memory for it.
    ///
    /// Refuses with `M_TOO_LARGE` a larger body, with `M_LIMIT_EXCEEDED` one for which there is no memory for too long, and with
    /// `M_UNKNOWN` one that breaks off or takes too long to arrive.
    pub(super) async fn read(&mut self, body: Body, bytes_max: usize) -> Result<Bytes> {
        let until = Instant::now() + ARRIVAL;
        let mut body = Limited::new(body, bytes_max);
        // Most bodies are one chunk, which is passed on as it came.
        let (mut only, mut joined) = (Bytes::new(), BytesMut::new());
        loop {
            let frame = timeout_at(until, body.frame()).await;
            let frame = frame.map_err(|_| refuse(Reason::Unknown, "The request's body took too long to arrive."))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => refuse(Reason::TooLarge, format!("The request's body is larger than {bytes_max} bytes.")),
                None => refuse(Reason::Unknown, "The request's body ended too early."),
            })?;
            let Ok(chunk) = frame.into_data() else { continue };
            self.hold(only.len() + joined.len() + chunk.len()).await?;
            if only.is_empty() && joined.is_empty() {
                only = chunk;
                continue;
            }
            joined.extend_from_slice(&std::mem::take(&mut only));
            joined.extend_from_slice(&chunk);
        }
        Ok(if joined.is_empty() { only } else { joined.freeze() })
    }

    /// Waits until this body may hold `bytes` in all.
    async fn hold(&mut self, bytes: usize) -> Result<()> {
        if bytes <= limits::CLIENT_SMALL_BODY_BYTES {
            return Ok(());
        }
        let until = Instant::now() + WAIT;
        loop {
            // Registered before the look, or memory given back in between would wake no one.
            let budget = Arc::clone(&self.budget);
            let mut freed = std::pin::pin!(budget.freed.notified());
            freed.as_mut().enable();
            if self.try_hold(bytes) {
                return Ok(());
            }
            if timeout_at(until, freed).await.is_err() {
                let retry_after_ms = limits::CLIENT_BODY_WAIT_MS_MAX;
                let message = "This server has no memory for another large request now: try again later.";
                return Err(refuse(Reason::LimitExceeded { retry_after_ms }, message));
            }
        }
    }

    fn try_hold(&mut self, bytes: usize) -> bool {
        let more = bytes - self.bytes;
        let mut held = self.budget.held.lock();
        let theirs = held.by_client.get(&self.client).copied().unwrap_or(0);
        let fits = held.bytes + more <= limits::CLIENT_BODIES_BYTES_MAX
            && theirs + more <= limits::CLIENT_BODIES_PER_ADDRESS_BYTES_MAX;
        if fits {
            held.bytes += more;
            held.by_client.insert(self.client, theirs + more);
            self.bytes = bytes;
        }
        fits
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut held = self.budget.held.lock();
        held.bytes -= self.bytes;
        if let Some(theirs) = held.by_client.get_mut(&self.client) {
            *theirs -= self.bytes;
            if *theirs == 0 {
                held.by_client.remove(&self.client);
            }
        }
        drop(held);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const LARGE: usize = 16 * 1024 * 1024;

    fn client(last: u8) -> ClientAddress {
        ClientAddress(Some(IpAddr::from([192, 0, 2, last])))
    }

    async fn read(budget: &Arc<BodyBudget>, from: u8, bytes: usize) -> (BodyShare, Result<Bytes>) {
        let mut share = BodyShare::new(budget, client(from));
        let read = share.read(Body::from(vec![b'x'; bytes]), LARGE).await;
        (share, read)
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_for_its_share_and_others_do_not() {
        let budget = Arc::new(BodyBudget::default());
        let (first, read_1) = read(&budget, 1, LARGE).await;
        let (_second, read_2) = read(&budget, 1, LARGE).await;
        assert!(read_1.is_ok() && read_2.is_ok());
        let (_, third) = read(&budget, 1, LARGE).await;
        assert!(matches!(third.unwrap_err().reason(), Some(Reason::LimitExceeded { .. })));
        assert!(read(&budget, 1, 1_000).await.1.is_ok(), "small bodies need no memory");
        let (_other, read_4) = read(&budget, 2, LARGE).await;
        assert!(read_4.is_ok(), "another address has a share of its own");
        let waiting = read(&budget, 1, LARGE);
        let freeing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
        };
        let ((_fifth, read_5), ()) = tokio::join!(waiting, freeing);
        assert!(read_5.is_ok(), "memory that is given back goes to who waits");
    }

    #[tokio::test(start_paused = true)]
    async fn all_addresses_share_a_bound_and_give_everything_back() {
        let budget = Arc::new(BodyBudget::default());
        let mut shares = Vec::new();
        for from in 0..4 {
            let (share, read) = read(&budget, from, LARGE).await;
            read.expect("within the bound");
            shares.push(share);
        }
        let (_, fifth) = read(&budget, 5, LARGE).await;
        assert!(matches!(fifth.unwrap_err().reason(), Some(Reason::LimitExceeded { .. })));
        shares.clear();
        let held = budget.held.lock();
        assert_eq!((held.bytes, held.by_client.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_arrive_in_time_and_within_its_bound() {
        let budget = Arc::new(BodyBudget::default());
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let dripping = BodyShare::new(&budget, client(1)).read(Body::from_stream(drip), LARGE).await;
        assert_eq!(dripping.unwrap_err().reason(), Some(Reason::Unknown));
        let large = BodyShare::new(&budget, client(1)).read(Body::from(vec![0; 11]), 10).await;
        assert_eq!(large.unwrap_err().reason(), Some(Reason::TooLarge));
    }
}
