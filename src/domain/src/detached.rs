//! Work that goes on when the client that asked for it hangs up: an action that has begun is finished (`actions`), and a fetch is of
//! use to others. Each piece has its own limit of time; what it writes it writes in whole transactions. A stop of the server waits
//! a little for actions, and for nothing else.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts such work.
#[expect(clippy::disallowed_methods, reason = "belongs to a request, not to the server: ends by itself, see above")]
pub(crate) fn go_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}
