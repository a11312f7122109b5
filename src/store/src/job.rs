//! A closure on its way through a queue, with the caller who waits for its answer.

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

/// A write on the queue. It runs once; it is answered once, when the fate of its batch is known.
pub(crate) trait WriteJob: Send {
    /// The operation's name, for metrics.
    fn name(&self) -> &'static str;
    /// Runs the closure and keeps what it returned; says how it went. A panic is an error.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> Outcome;
    /// Takes back what the closure returned: it was undone because of `error`.
    fn fail(&mut self, error: Error);
    /// Answers the caller with what the closure returned, or with `failure` if the batch was not committed.
    fn answer(self: Box<Self>, failure: Option<&Error>);
}

/// How a closure went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returned `Ok`.
    Done,
    /// It returned an error or panicked; the caller's answer holds it.
    Failed,
}

/// A read on the queue. It gets the error instead when no transaction could be begun.
pub(crate) type ReadJob = Box<dyn FnOnce(Result<ReadTx<'_>>) -> Outcome + Send>;

/// The caller's end.
pub(crate) type Answer<T> = oneshot::Receiver<Result<T>>;

struct Write<T, F> {
    name: &'static str,
    closure: Option<F>,
    returned: Option<Result<T>>,
    caller: oneshot::Sender<Result<T>>,
}

/// Makes a job of a closure that writes.
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
            // Its own error says more than the batch's.
            (Some(Err(error)), _) => Err(error),
            (_, Some(failure)) => Err(again(failure)),
            (Some(returned), None) => returned,
            (None, None) => Err(Error::broken("a write was answered without having run")),
        };
        // A caller that has gone away wanted the write all the same.
        drop(self.caller.send(answer));
    }
}

/// Makes a job of a closure that reads.
pub(crate) fn read<T, F>(name: &'static str, closure: F) -> (ReadJob, Answer<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    let job = move |tx: Result<ReadTx<'_>>| {
        let returned = tx.and_then(|mut tx| guarded(name, || closure(&mut tx)));
        let outcome = if returned.is_ok() { Outcome::Done } else { Outcome::Failed };
        drop(caller.send(returned));
        outcome
    };
    (Box::new(job), answer)
}

/// Runs `closure`; a panic becomes a fault, so that a thread that many depend on survives it.
fn guarded<T>(name: &'static str, closure: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panicking closure leaves half done in the database is rolled back; its own captures are dropped.
    catch_unwind(AssertUnwindSafe(closure)).unwrap_or_else(|panic| {
        let message = panicked(&*panic);
        tracing::error!(operation = name, panic = message, "A database operation panicked; it was undone.");
        Err(Error::fault(format!("the database operation `{name}` panicked"), message.to_owned()))
    })
}

/// What a panic had to say.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}

/// The same error once more: a failed commit has many callers.
pub(crate) fn again(error: &Error) -> Error {
    match error {
        Error::Refusal(refusal) => Error::Refusal(refusal.clone()),
        Error::Fault(fault) => {
            let cause = fault.cause.as_ref().map(|cause| cause.to_string().into());
            Error::Fault(Fault { doing: fault.doing.clone(), cause })
        }
    }
}

/// What a caller gets whose job was not taken.
pub(crate) fn turned_away(name: &'static str, why: &Turned) -> Error {
    match why {
        Turned::Closed => Error::broken(format!("`{name}` came after the database was closed")),
        Turned::Full => refuse(
            Reason::LimitExceeded { retry_after_ms: 1_000 },
            "The server has more to do than it can keep up with. Try again in a moment.",
        ),
    }
}

/// Turns a lost answer into an error: the thread that held the job is gone.
pub(crate) fn answered<T>(name: &'static str, answer: Result<Result<T>, oneshot::error::RecvError>) -> Result<T> {
    answer.unwrap_or_else(|_| Err(Error::broken(format!("the database was closed before `{name}` was done"))))
}

/// Waits for an answer without a runtime. Unlike tokio's own way it may be called from anywhere.
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
