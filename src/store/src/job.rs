//! A closure in a queue, with the channel to its caller and the place for its result.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use hearth_base::{Error, Fault, Reason, Result, error::refuse};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::queue::Turned;
use crate::tx::{ReadTx, WriteTx};

/// A closure that writes, without its types: its result is left in a [`Kept`]. The server has hundreds of closures, and what
/// stands around them is compiled once.
type RunWrite = Box<dyn FnMut(&mut WriteTx<'_>) -> Result<()> + Send>;
/// A closure that reads; see [`RunWrite`].
type RunRead = Box<dyn FnMut(&mut ReadTx<'_>) -> Result<()> + Send>;

/// The outcome of a closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returned `Ok`.
    Done,
    /// It returned an error or panicked; the caller's answer holds it.
    Failed,
}

/// A write in the queue. It runs once and is answered once, when its batch has been committed or has failed.
pub(crate) struct WriteJob {
    /// The operation's name, for metrics.
    pub(crate) name: &'static str,
    closure: RunWrite,
    returned: Option<Result<()>>,
    caller: oneshot::Sender<Result<()>>,
}

impl WriteJob {
    /// Runs the closure, stores its result for [`answer`](Self::answer), and returns the outcome. A panic is an error.
    pub(crate) fn run(&mut self, tx: &mut WriteTx<'_>) -> Outcome {
        let returned = guarded(self.name, &mut || (self.closure)(tx));
        let outcome = if returned.is_ok() { Outcome::Done } else { Outcome::Failed };
        self.returned = Some(returned);
        outcome
    }

    /// Replaces the closure's result by `error`, because its savepoint could not be released.
    pub(crate) fn fail(&mut self, error: Error) {
        self.returned = Some(Err(error));
    }

    /// Answers the caller with what the closure returned, or with `failure` if the batch was not committed.
    pub(crate) fn answer(self, failure: Option<&Error>) {
        let answer = match (self.returned, failure) {
            // The closure's own error is more specific than the batch's.
            (Some(Err(error)), _) => Err(error),
            (_, Some(failure)) => Err(again(failure)),
            (Some(Ok(())), None) => Ok(()),
            (None, None) => Err(Error::broken("a write was answered without having run")),
        };
        // The receiver is gone if the client disconnected; the write stands.
        drop(self.caller.send(answer));
    }
}

/// A read in the queue.
pub(crate) struct ReadJob {
    /// The operation's name, for metrics.
    pub(crate) name: &'static str,
    closure: RunRead,
    caller: oneshot::Sender<Result<()>>,
}

impl ReadJob {
    /// Runs the closure and answers the caller.
    pub(crate) fn run(mut self, tx: &mut ReadTx<'_>) -> Outcome {
        // The client has hung up while the read waited.
        if self.caller.is_closed() {
            return Outcome::Done;
        }
        let returned = guarded(self.name, &mut || (self.closure)(tx));
        let outcome = if returned.is_ok() { Outcome::Done } else { Outcome::Failed };
        drop(self.caller.send(returned));
        outcome
    }

    /// Answers the caller with an error: no transaction could begin.
    pub(crate) fn fail(self, error: Error) {
        drop(self.caller.send(Err(error)));
    }
}

/// Where a closure leaves its result until the caller has been told that it counts.
pub(crate) struct Kept<T>(Arc<Mutex<Option<T>>>);

impl<T> Kept<T> {
    /// The result, once [`Told`] is `Ok`.
    pub(crate) fn take(&self, name: &'static str) -> Result<T> {
        self.0.lock().take().ok_or_else(|| lost(name))
    }
}

/// Never happens: a closure runs once, and what has run to its end has left its result.
#[cold]
fn lost(name: &'static str) -> Error {
    Error::broken(format!("`{name}` has no result"))
}

/// The caller's end of the channel: whether the closure's result counts.
pub(crate) struct Told {
    name: &'static str,
    receiver: oneshot::Receiver<Result<()>>,
}

impl Future for Told {
    type Output = Result<()>;

    // One function for all callers.
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let name = self.name;
        // The channel is dropped when the thread that held the job has ended.
        let ended = || Err(Error::broken(format!("the database was closed before `{name}` was done")));
        Pin::new(&mut self.receiver).poll(context).map(|told| told.unwrap_or_else(|_| ended()))
    }
}

/// A job for a closure that writes, and the two parts of its answer.
pub(crate) fn write<T, F>(name: &'static str, closure: F) -> (WriteJob, Told, Kept<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
{
    let kept = Kept(Arc::default());
    let (place, mut closure) = (kept.0.clone(), Some(closure));
    let closure: RunWrite = Box::new(move |tx| {
        let closure = closure.take().ok_or_else(|| lost(name))?;
        *place.lock() = Some(closure(tx)?);
        Ok(())
    });
    let (caller, receiver) = oneshot::channel();
    (WriteJob { name, closure, returned: None, caller }, Told { name, receiver }, kept)
}

/// A job for a closure that reads, and the two parts of its answer.
pub(crate) fn read<T, F>(name: &'static str, closure: F) -> (ReadJob, Told, Kept<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
{
    let kept = Kept(Arc::default());
    let (place, mut closure) = (kept.0.clone(), Some(closure));
    let closure: RunRead = Box::new(move |tx| {
        let closure = closure.take().ok_or_else(|| lost(name))?;
        *place.lock() = Some(closure(tx)?);
        Ok(())
    });
    let (caller, receiver) = oneshot::channel();
    (ReadJob { name, closure, caller }, Told { name, receiver }, kept)
}

/// Runs `closure` and turns a panic into a fault. The store's threads must survive it: all later requests depend on
/// them.
fn guarded(name: &'static str, closure: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    // Unwind safety: what the closure wrote is rolled back, and what it captured is dropped.
    catch_unwind(AssertUnwindSafe(closure)).unwrap_or_else(|panic| {
        let message = panicked(&*panic);
        tracing::error!(operation = name, panic = message, "A database operation panicked. It was rolled back.");
        Err(Error::fault(format!("the database operation `{name}` panicked"), message.to_owned()))
    })
}

/// The message of a panic.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}

/// A copy of an error. A failed commit has many callers, and causes cannot be cloned, so the cause becomes its text.
pub(crate) fn again(error: &Error) -> Error {
    match error {
        Error::Refusal(refusal) => Error::Refusal(refusal.clone()),
        Error::Fault(fault) => {
            let cause = fault.cause.as_ref().map(|cause| cause.to_string().into());
            Error::Fault(Fault { doing: fault.doing.clone(), cause })
        }
    }
}

/// The error for a caller whose job was not accepted.
pub(crate) fn turned_away(name: &'static str, why: &Turned) -> Error {
    match why {
        Turned::Closed => Error::broken(format!("`{name}` came after the database was closed")),
        Turned::Full => refuse(
            Reason::LimitExceeded { retry_after_ms: 1_000 },
            "The server has more to do than it can keep up with. Try again in a moment.",
        ),
    }
}

/// Blocks this thread for an answer. Unlike tokio's `blocking_recv` it does not panic inside a runtime.
pub(crate) fn wait(told: Told) -> Result<()> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut told = pin!(told);
    loop {
        match told.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(told) => return told,
            Poll::Pending => std::thread::park(),
        }
    }
}
