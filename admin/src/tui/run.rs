//! The event loop: waits for keys, responses, ticks and signals, runs `update`, and draws.

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::client::Client;

use super::state::{Effect, Settings, State};
use super::terminal::Terminal;
use super::update::{Message, begin, update};
use super::worker::Worker;

/// Shortest time between frames: at most four per second, for slow connections.
const FRAME: Duration = Duration::from_millis(250);
/// Capacity of the message queue. Tasks wait when it is full.
const MESSAGES_MAX: usize = 64;

/// Options of the dashboard.
#[derive(Clone, Debug)]
pub struct Options {
    /// Path of the server's admin socket.
    pub socket: PathBuf,
    /// Whether to use colours. The environment variable `NO_COLOR` also turns them off.
    pub color: bool,
    /// Whether to draw only ASCII.
    pub ascii: bool,
    /// Whether changes on the server are disabled.
    pub readonly: bool,
}

/// Why the dashboard could not run. An unreachable server is not a reason: the dashboard waits for it.
#[derive(Debug)]
pub enum DashboardError {
    /// Standard input or output is not a terminal.
    NotATerminal,
    /// The terminal failed.
    Terminal(io::Error),
}

impl fmt::Display for DashboardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATerminal => {
                f.write_str("The dashboard needs a terminal. For scripts there is `hearth ctl status --json`.")
            }
            Self::Terminal(cause) => {
                write!(f, "The terminal cannot be used: {cause}. Try another one, or `hearth ctl`.")
            }
        }
    }
}

impl std::error::Error for DashboardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotATerminal => None,
            Self::Terminal(cause) => Some(cause),
        }
    }
}

impl From<io::Error> for DashboardError {
    fn from(cause: io::Error) -> Self {
        Self::Terminal(cause)
    }
}

/// Runs the dashboard until the user quits or a signal arrives, then restores the terminal.
///
/// # Errors
/// If there is no terminal, or if it fails.
pub async fn run(options: Options) -> Result<(), DashboardError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(DashboardError::NotATerminal);
    }
    let color = options.color && !no_color();
    let settings = Settings { color, ascii: options.ascii, readonly: options.readonly };
    let (sender, inbox) = mpsc::channel(MESSAGES_MAX);
    let mut signals = ExitSignals::listen()?;
    let terminal = Terminal::take()?;
    let state = State::new(settings, terminal.size()?);
    let worker = Worker::new(Client::new(options.socket), sender);
    let mut dashboard = Dashboard { state, worker, terminal, inbox, painted: None };
    // Dropping `dashboard` restores the terminal, on every way out of here.
    tokio::select! {
        result = dashboard.run_loop() => result,
        () = signals.any() => Ok(()),
    }
}

/// Whether the environment disables colours (https://no-color.org).
#[expect(clippy::disallowed_methods, reason = "a convention of terminals, not a setting of Hearth")]
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

struct Dashboard {
    state: State,
    worker: Worker,
    terminal: Terminal,
    inbox: mpsc::Receiver<Message>,
    /// Time of the last frame.
    painted: Option<Instant>,
}

impl Dashboard {
    async fn run_loop(&mut self) -> Result<(), DashboardError> {
        let mut events = EventStream::new();
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let effects = begin(&mut self.state);
        self.perform(effects)?;
        while !self.state.shared.quit {
            let frame_at = self.painted.map_or_else(Instant::now, |painted| painted + FRAME);
            let message = tokio::select! {
                event = events.next() => match event {
                    Some(event) => translate(event?),
                    // The terminal is gone.
                    None => return Ok(()),
                },
                message = self.inbox.recv() => message,
                _ = seconds.tick() => Some(Message::Tick),
                () = sleep_until(frame_at), if self.state.shared.dirty => {
                    self.paint()?;
                    None
                }
            };
            if let Some(message) = message {
                let effects = update(&mut self.state, message);
                self.perform(effects)?;
            }
        }
        self.worker.finish().await;
        Ok(())
    }

    fn paint(&mut self) -> Result<(), DashboardError> {
        self.terminal.draw(&self.state)?;
        self.state.shared.dirty = false;
        self.painted = Some(Instant::now());
        Ok(())
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), DashboardError> {
        for effect in effects {
            match effect {
                Effect::Send(call) => self.worker.start(call),
                Effect::Copy(text) => self.terminal.copy(&text)?,
                Effect::Repaint => self.terminal.repaint()?,
            }
        }
        Ok(())
    }
}

/// Maps terminal events to messages; ignores all others.
fn translate(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Message::Key(key)),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(columns, rows) => Some(Message::Resize(columns, rows)),
        _ => None,
    }
}

/// The signals that end the dashboard.
struct ExitSignals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl ExitSignals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
