//! Work that continues when its client hangs up: a started action (`actions`), and a fetch whose result is useful to
//! others. Each has its own time limit and writes whole transactions only. Shutdown waits briefly for actions, and for
//! nothing else.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts such work.
#[expect(clippy::disallowed_methods, reason = "belongs to a request, not to the server: ends by itself, see above")]
pub fn go_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}
