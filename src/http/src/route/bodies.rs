//! Memory for the request bodies that are under way, shared by client address.
//!
//! A body has its memory before any of it is read, and keeps it until its request is answered. Bodies wait in the order in
//! which they arrive: if each held what it has received so far and waited for the rest, many large ones at once would wait
//! for one another, and none would get through. Small bodies are not counted, so that logins and messages go on while large
//! ones wait. Requests with an access token, those without, and those of other servers have a budget each, so that strangers
//! with slow bodies leave the others' alone.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use hearth_base::{Reason, Result, error::refuse, limits};
use hearth_domain::rates::RateSubject;
use hearth_domain::turns::InUse;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::app::ClientAddress;

/// How long a body waits for memory before its request is refused.
const WAIT: Duration = Duration::from_millis(limits::BODY_WAIT_MS_MAX);
/// How long a body may take to arrive in all.
const ARRIVAL: Duration = Duration::from_millis(limits::BODY_MS_MAX);
/// How long a body may be slower than [`limits::BODY_BYTES_PER_S_MIN`]: connections need a while to get going.
const GRACE: Duration = Duration::from_millis(limits::BODY_GRACE_MS);
/// The bytes of one permit.
const UNIT_BYTES: usize = 8 * 1024;

/// The memory of all bodies.
#[derive(Debug)]
pub struct BodyBudgets {
    /// For requests with an access token.
    pub(super) users: BodyBudget,
    /// For requests that need none.
    pub(super) strangers: BodyBudget,
    /// For requests of other servers, whose signature cannot be verified before the body is there.
    pub(super) servers: BodyBudget,
}

impl Default for BodyBudgets {
    fn default() -> Self {
        use limits as l;
        let client = l::CLIENT_SMALL_BODY_BYTES;
        Self {
            users: BodyBudget::new(l::CLIENT_BODIES_BYTES_MAX, l::CLIENT_BODIES_PER_ADDRESS_BYTES_MAX, client),
            strangers: BodyBudget::new(l::STRANGER_BODIES_BYTES_MAX, l::STRANGER_BODIES_PER_ADDRESS_BYTES_MAX, client),
            servers: BodyBudget::new(
                l::FEDERATION_BODIES_BYTES_MAX,
                l::FEDERATION_BODIES_PER_ADDRESS_BYTES_MAX,
                l::FEDERATION_SMALL_BODY_BYTES,
            ),
        }
    }
}

/// The memory of one kind of bodies.
#[derive(Debug)]
pub(super) struct BodyBudget {
    all: Arc<Semaphore>,
    addresses: InUse<RateSubject, Semaphore>,
    per_address_bytes: usize,
    small_bytes: usize,
}

/// What one body holds of it, given back when it is dropped. None for a small body.
#[derive(Debug)]
pub(super) struct BodyShare {
    _permits: Option<[OwnedSemaphorePermit; 2]>,
}

impl BodyBudget {
    fn new(all_bytes: usize, per_address_bytes: usize, small_bytes: usize) -> Self {
        let all = Arc::new(Semaphore::new(all_bytes / UNIT_BYTES));
        Self { all, addresses: InUse::default(), per_address_bytes, small_bytes }
    }

    /// Reads a body of at most `bytes_max`, once there is memory for it. What is left of a refused one is the caller's.
    ///
    /// Refuses with `M_TOO_LARGE` a larger body, with `M_LIMIT_EXCEEDED` one for which there is no memory for too long, and
    /// with `M_UNKNOWN` one that breaks off or takes too long to arrive.
    pub(super) async fn read(
        &self,
        client: ClientAddress,
        body: &mut Body,
        bytes_max: usize,
    ) -> Result<(Bytes, BodyShare)> {
        // Without a length it may become as long as the endpoint allows.
        let length = body.size_hint().upper().and_then(|length| usize::try_from(length).ok());
        let share = self.reserve(client, length.unwrap_or(bytes_max).min(bytes_max)).await?;
        Ok((read_within(body, bytes_max).await?, share))
    }

    /// Waits for memory for a body. The share of the address comes first: who waits for that keeps no other address waiting.
    async fn reserve(&self, client: ClientAddress, bytes: usize) -> Result<BodyShare> {
        if bytes <= self.small_bytes {
            return Ok(BodyShare { _permits: None });
        }
        let permits = bytes.min(self.per_address_bytes).div_ceil(UNIT_BYTES);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        let address = RateSubject::address(client.0);
        let theirs = self.addresses.get(address, || Semaphore::new(self.per_address_bytes / UNIT_BYTES));
        let waiting = async {
            let theirs = theirs.acquire_many_owned(permits).await.ok()?;
            Some([theirs, self.all.clone().acquire_many_owned(permits).await.ok()?])
        };
        match timeout(WAIT, waiting).await {
            Ok(Some(permits)) => Ok(BodyShare { _permits: Some(permits) }),
            _ => {
                let retry_after_ms = limits::BODY_WAIT_MS_MAX;
                let message = "This server has no memory for another large request now: try again later.";
                Err(refuse(Reason::LimitExceeded { retry_after_ms }, message))
            }
        }
    }
}

/// Reads a body of at most `bytes_max` that arrives at a minimum pace.
async fn read_within(body: &mut Body, bytes_max: usize) -> Result<Bytes> {
    let begin = Instant::now();
    let mut body = Limited::new(body, bytes_max);
    // Most bodies are one chunk, which is passed on as it came.
    let (mut only, mut joined) = (Bytes::new(), BytesMut::new());
    loop {
        let received = (only.len() + joined.len()) as u64;
        let paced = GRACE + Duration::from_millis(received.saturating_mul(1_000) / limits::BODY_BYTES_PER_S_MIN);
        let frame = timeout_at(begin + paced.min(ARRIVAL), body.frame()).await;
        let frame = frame.map_err(|_| refuse(Reason::Unknown, "The request's body took too long to arrive."))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => refuse(Reason::TooLarge, format!("The request's body is larger than {bytes_max} bytes.")),
            None => refuse(Reason::Unknown, "The request's body ended too early."),
        })?;
        let Ok(chunk) = frame.into_data() else { continue };
        if only.is_empty() && joined.is_empty() {
            only = chunk;
            continue;
        }
        joined.extend_from_slice(&std::mem::take(&mut only));
        joined.extend_from_slice(&chunk);
    }
    Ok(if joined.is_empty() { only } else { joined.freeze() })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::future::join_all;
    use futures_util::stream;

    use super::*;

    const LARGE: usize = 16 * 1024 * 1024;

    fn client(last: u8) -> ClientAddress {
        ClientAddress(Some(IpAddr::from([192, 0, 2, last])))
    }

    async fn read(budget: &BodyBudget, from: u8, bytes: usize) -> Result<(Bytes, BodyShare)> {
        budget.read(client(from), &mut Body::from(vec![b'x'; bytes]), LARGE).await
    }

    /// A body without a length that sends `chunk` every `every`.
    fn drip(chunk: usize, every: Duration) -> Body {
        Body::from_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(every).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; chunk])), ()))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_for_its_share_and_others_do_not() {
        let BodyBudgets { users: budget, .. } = BodyBudgets::default();
        let first = read(&budget, 1, LARGE).await.expect("the first");
        let _second = read(&budget, 1, LARGE).await.expect("the second");
        let third = read(&budget, 1, LARGE).await.expect_err("there is no memory");
        assert!(matches!(third.reason(), Some(Reason::LimitExceeded { .. })));
        read(&budget, 1, 1_000).await.expect("small bodies need no memory");
        let _other = read(&budget, 2, LARGE).await.expect("another address has a share of its own");
        let freeing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
        };
        let (waiting, ()) = tokio::join!(read(&budget, 1, LARGE), freeing);
        waiting.expect("memory that is given back goes to who waits");
    }

    /// Sixty bodies that arrive at the same time in small pieces: each gets its turn.
    #[tokio::test(start_paused = true)]
    async fn many_large_bodies_at_once_get_through_one_after_another() {
        let BodyBudgets { users: budget, .. } = BodyBudgets::default();
        let pieces = || {
            let piece = |_| async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; LARGE / 64]))
            };
            Body::from_stream(stream::StreamExt::then(stream::iter(0..64), piece))
        };
        let results = join_all((0..60).map(|_| async {
            let (body, share) = budget.read(client(1), &mut pieces(), LARGE).await?;
            drop(share);
            Ok::<_, hearth_base::Error>(body.len())
        }));
        assert!(results.await.into_iter().all(|read| read.is_ok_and(|length| length == LARGE)));
        assert_eq!(budget.all.available_permits(), limits::CLIENT_BODIES_BYTES_MAX / UNIT_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn all_addresses_share_a_bound_and_give_everything_back() {
        let BodyBudgets { users: budget, .. } = BodyBudgets::default();
        let mut shares = Vec::new();
        for from in 0..4 {
            shares.push(read(&budget, from, LARGE).await.expect("within the bound"));
        }
        let fifth = read(&budget, 5, LARGE).await.expect_err("there is no memory");
        assert!(matches!(fifth.reason(), Some(Reason::LimitExceeded { .. })));
        shares.clear();
        assert_eq!(budget.all.available_permits(), limits::CLIENT_BODIES_BYTES_MAX / UNIT_BYTES);
    }

    /// What held the memory of all users for two minutes before: slow bodies without a token from a few addresses.
    #[tokio::test(start_paused = true)]
    async fn slow_bodies_of_strangers_are_few_and_end_soon() {
        let budgets = &BodyBudgets::default();
        let bytes_max = limits::UNAUTHENTICATED_BODY_BYTES_MAX;
        let slow = |from| async move {
            budgets.strangers.read(client(from), &mut drip(1, Duration::from_secs(5)), bytes_max).await
        };
        let begin = Instant::now();
        let all = join_all((0..4).flat_map(|from| (0..560).map(move |_| from)).map(slow)).await;
        let waited = all
            .iter()
            .filter_map(|read| read.as_ref().err())
            .filter(|error| matches!(error.reason(), Some(Reason::LimitExceeded { .. })));
        let at_once = limits::STRANGER_BODIES_PER_ADDRESS_BYTES_MAX / bytes_max;
        assert!(all.len() - waited.count() <= 4 * 2 * at_once);
        assert!(begin.elapsed() <= GRACE + WAIT + Duration::from_secs(1));
        assert_eq!(budgets.users.all.available_permits(), limits::CLIENT_BODIES_BYTES_MAX / UNIT_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_arrive_at_a_pace_and_within_its_bound() {
        let BodyBudgets { users: budget, .. } = BodyBudgets::default();
        for mut body in [drip(1, Duration::from_secs(1)), drip(30 * 1024, Duration::from_secs(20))] {
            let error = budget.read(client(1), &mut body, LARGE).await.expect_err("it is too slow");
            assert_eq!(error.reason(), Some(Reason::Unknown));
        }
        let large = budget.read(client(1), &mut Body::from(vec![0; 11]), 10).await.expect_err("it is too large");
        assert_eq!(large.reason(), Some(Reason::TooLarge));
        let mut steady = drip(4 * 1024, Duration::from_secs(2));
        let steady = budget.read(client(1), &mut steady, 64 * 1024).await.expect_err("it does not end");
        assert_eq!(steady.reason(), Some(Reason::TooLarge), "a slow line is fast enough");
    }
}
