//! Work that goes on when whoever asked for it has gone: a client hangs up, and the join or the fetch that it began is of use to
//! others, or must not stop half-way. Each piece has its own limit of time; a stop of the server does not wait for it, and what it
//! writes it writes in whole transactions.

use tokio::task::JoinHandle;

/// Starts such work.
#[expect(clippy::disallowed_methods, reason = "belongs to a request, not to the server: ends by itself, see above")]
pub(super) fn go_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}
