//! Ctrl-C at any point: what it means depends on what is being done.
//!
//! The work runs on a thread of its own, because it waits for lines at the terminal, which nothing can interrupt. While files
//! are being written, which takes milliseconds, a signal waits until they are; at any other time the process ends at once.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::cli::out;

/// The exit code of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing is written yet.
    Asking,
    /// Files are being replaced.
    Writing,
    /// All is written; the server is starting.
    Waiting,
}

/// Tells the signal handler what is being done.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicU8>);

impl Progress {
    pub(super) fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }

    fn is(&self, phase: Phase) -> bool {
        self.0.load(Ordering::Acquire) == phase as u8
    }
}

/// Runs `work` until it ends or a signal ends it.
pub(super) fn run(work: impl FnOnce(&Progress) -> ExitCode + Send + 'static) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| runtime.block_on(race(work)));
    done.unwrap_or_else(|error| {
        out::warn(format_args!("Setup cannot run: {error}."));
        ExitCode::FAILURE
    })
}

async fn race(work: impl FnOnce(&Progress) -> ExitCode + Send + 'static) -> std::io::Result<ExitCode> {
    let mut interrupts =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    let (progress, (done, mut end)) = (Progress::default(), oneshot::channel());
    let seen = progress.clone();
    std::thread::Builder::new().name("setup".to_owned()).spawn(move || done.send(work(&progress)))?;
    loop {
        let [interrupt, terminate, hangup] = &mut interrupts;
        tokio::select! {
            code = &mut end => return Ok(code.unwrap_or(ExitCode::FAILURE)),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        if seen.is(Phase::Writing) {
            continue;
        }
        out::warn(match seen.is(Phase::Asking) {
            true => "\nStopped. Nothing was written.",
            false => "\nStopped waiting. What was written stays; `hearth setup` again goes on from here.",
        });
        return Ok(ExitCode::from(INTERRUPTED));
    }
}
