//! A closure in a queue, with the channel to its caller.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use hearth_base::{Error, Fault, Reason, Result, error::refuse};
use tokio::sync::oneshot;

use crate::queue::Turned;
use crate::tx::{ReadTx, WriteTx};

/// A write in the queue. It runs once and is answered once, when its batch has been committed or has failed.
pub(crate) trait WriteJob: Send {
    /// The operation's name, for metrics.
    fn name(&self) -> &'static str;
    /// Runs the closure, stores its result for [`answer`](Self::answer), and returns the outcome. A panic is an error.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> Outcome;
    /// Replaces the closure's result by `error`, because its savepoint could not be released.
    fn fail(&mut self, error: Error);
    /// Answers the caller with what the closure returned, or with `failure` if the batch was not committed.
    fn answer(self: Box<Self>, failure: Option<&Error>);
}

/// The outcome of a closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returned `Ok`.
    Done,
    /// It returned an error or panicked; the caller's answer holds it.
    Failed,
}

/// A read in the queue. It gets the error if no transaction could begin.
pub(crate) type ReadJob = Box<dyn FnOnce(Result<ReadTx<'_>>) -> Outcome + Send>;

/// The caller's end of the channel.
pub(crate) type Answer<T> = oneshot::Receiver<Result<T>>;

struct Write<T, F> {
    name: &'static str,
    closure: Option<F>,
    returned: Option<Result<T>>,
    caller: oneshot::Sender<Result<T>>,
}

/// A job for a closure that writes.
pub(crate) fn write<T, F>(name: &'static str, closure: F) -> (Box<dyn WriteJob>, Answer<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    (Box::new(Write { name, closure: Some(closure), returned: None, caller }), answer)
}

impl<T, F> WriteJob for Write<T, F>
where
    T: Send,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, tx: &mut WriteTx<'_>) -> Outcome {
        let Some(closure) = self.closure.take() else {
            return Outcome::Failed;
        };
        let returned = guarded(self.name, || closure(tx));
        let outcome = if returned.is_ok() { Outcome::Done } else { Outcome::Failed };
        self.returned = Some(returned);
        outcome
    }

    fn fail(&mut self, error: Error) {
        self.returned = Some(Err(error));
    }

    fn answer(self: Box<Self>, failure: Option<&Error>) {
        let answer = match (self.returned, failure) {
            // The closure's own error is more specific than the batch's.
            (Some(Err(error)), _) => Err(error),
            (_, Some(failure)) => Err(again(failure)),
            (Some(returned), None) => returned,
            (None, None) => Err(Error::broken("a write was answered without having run")),
        };
        // The receiver is gone if the client disconnected; the write stands.
        drop(self.caller.send(answer));
    }
}

/// A job for a closure that reads.
pub(crate) fn read<T, F>(name: &'static str, closure: F) -> (ReadJob, Answer<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    let job = move |tx: Result<ReadTx<'_>>| {
        // The client has hung up while the read waited.
        if caller.is_closed() {
            return Outcome::Done;
        }
        let returned = tx.and_then(|mut tx| guarded(name, || closure(&mut tx)));
        let outcome = if returned.is_ok() { Outcome::Done } else { Outcome::Failed };
        drop(caller.send(returned));
        outcome
    };
    (Box::new(job), answer)
}

/// Runs `closure` and turns a panic into a fault. The store's threads must survive it: all later requests depend on
/// them.
fn guarded<T>(name: &'static str, closure: impl FnOnce() -> Result<T>) -> Result<T> {
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

/// Turns a dropped channel into an error: the thread that held the job has ended.
pub(crate) fn answered<T>(name: &'static str, answer: Result<Result<T>, oneshot::error::RecvError>) -> Result<T> {
    answer.unwrap_or_else(|_| Err(Error::broken(format!("the database was closed before `{name}` was done"))))
}

/// Blocks this thread for an answer. Unlike tokio's `blocking_recv` it does not panic inside a runtime.
pub(crate) fn wait<T>(name: &'static str, answer: Answer<T>) -> Result<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut answer = pin!(answer);
    loop {
        match answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(got) => return answered(name, got),
            Poll::Pending => std::thread::park(),
        }
    }
}
