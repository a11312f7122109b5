//! The state of the dashboard: the screens, and what they share. `update` changes it.

use crate::client::ClientError;
use crate::wire::{Job, JobList, Status, paths};

use super::history::History;
use super::parts::{Input, Overlay};
use super::request::{Call, Pending};
use super::screen::{AnyScreen, ScreenId};
use super::screens;
use super::strings;

/// Smallest supported terminal, in columns and rows.
const SIZE_MIN: (u16, u16) = (40, 10);
/// Rows of the frame around a screen while the server is up.
pub(crate) const CHROME_ROWS: u16 = 4;

/// The whole state.
pub(crate) struct State {
    pub(crate) shared: Shared,
    /// The screens, in the order of their number keys.
    pub(crate) screens: Vec<Box<dyn AnyScreen>>,
    /// The screen that is shown.
    pub(crate) shown: ScreenId,
}

/// What all screens share: the connection, the status of the server, and what is drawn around and over a screen.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) link: Link,
    /// The latest status report. Kept while the server is unreachable.
    pub(crate) status: Option<Status>,
    pub(crate) history: History,
    pub(crate) jobs: Vec<Job>,
    /// The overlay, which takes all keys.
    pub(crate) overlay: Option<Overlay>,
    /// The line being typed at the bottom.
    pub(crate) line: Option<Line>,
    pub(crate) notice: Option<Notice>,
    pub(crate) undo: Option<Undo>,
    /// Seconds since the start.
    pub(crate) ticks: u64,
    /// The tick of the latest status report.
    pub(crate) reported: u64,
    /// Whether anything changed since the last frame.
    pub(crate) dirty: bool,
    pub(crate) quit: bool,
    /// Loads that belong to no screen.
    pub(crate) pending: Pending,
    /// Collected during one update.
    pub(crate) effects: Vec<Effect>,
    /// Where a screen wants to go at the end of this update.
    pub(crate) jump: Option<Jump>,
}

/// An action outside of the state.
pub(crate) enum Effect {
    /// Send a request; ends in an answer.
    Send(Call),
    /// Put text on the clipboard.
    Copy(String),
    /// Redraw every cell, because another program wrote to the terminal.
    Repaint,
}

/// A way from one screen to another that names neither: to the screen with the details about a part of the server
/// ([`crate::wire::areas`]).
pub(crate) struct Jump {
    pub(crate) area: Option<String>,
    /// Shown if no screen has the details.
    pub(crate) otherwise: Overlay,
}

/// Options from the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) color: bool,
    pub(crate) ascii: bool,
    pub(crate) readonly: bool,
}

/// Whether the server can be reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// No response yet.
    Connecting,
    Up,
    /// Unreachable, with the reason.
    Down(ClientError),
}

/// The input line at the bottom.
pub(crate) struct Line {
    pub(crate) kind: LineKind,
    pub(crate) input: Input,
}

/// The purpose of the input line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// `:`
    Command,
    /// `/`. Keeps the previous filter for Esc.
    Filter { before: String },
}

/// A sentence at the bottom, until it expires or the next one replaces it.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) error: bool,
    /// The tick at which it expires.
    pub(crate) until: u64,
}

/// An offer to undo the last change.
pub(crate) struct Undo {
    /// The change that reverts it.
    pub(crate) change: Call,
    /// The tick at which the offer expires.
    pub(crate) until: u64,
}

impl State {
    pub(crate) fn new(settings: Settings, size: (u16, u16)) -> Self {
        Self { shared: Shared::new(settings, size), screens: screens::all(), shown: ScreenId::FIRST }
    }

    /// The screen that is shown.
    pub(crate) fn screen(&self) -> &dyn AnyScreen {
        &*self.screens[self.shown.index()]
    }

    /// The ids of all screens, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ScreenId> + use<> {
        (0..self.screens.len()).map(ScreenId::new)
    }
}

impl Shared {
    /// How long a notice is shown, in seconds.
    const NOTICE_S: u64 = 8;
    /// Seconds without a status report after which the server counts as silent: two reports are missing.
    const SILENT_S: u64 = 12;

    fn new(settings: Settings, size: (u16, u16)) -> Self {
        Self {
            settings,
            size,
            link: Link::Connecting,
            status: None,
            history: History::default(),
            jobs: Vec::new(),
            overlay: None,
            line: None,
            notice: None,
            undo: None,
            ticks: 0,
            reported: 0,
            dirty: true,
            quit: false,
            pending: Pending::default(),
            effects: Vec::new(),
            jump: None,
        }
    }

    /// The server's clock, in milliseconds since the epoch; 0 before the first response. The dashboard uses no
    /// clock of its own, because "last seen" would be wrong if the two clocks differ.
    pub(crate) fn now_ms(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.now_ms)
    }

    /// Whether the server, which accepts requests, has left them without a response: it hangs, or has too much to do.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_up() && self.ticks.saturating_sub(self.reported) >= Self::SILENT_S
    }

    /// Whether the last request got a response.
    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Whether the terminal is large enough for a screen.
    pub(crate) fn is_drawn(&self) -> bool {
        self.size.0 >= SIZE_MIN.0 && self.size.1 >= SIZE_MIN.1
    }

    /// Approximate number of list rows on the screen, for PgUp and PgDn.
    pub(crate) fn page_rows(&self) -> usize {
        usize::from(self.size.1.saturating_sub(6)).max(1)
    }

    pub(crate) fn notify(&mut self, text: impl Into<String>) {
        self.announce(text.into(), false);
    }

    pub(crate) fn notify_error(&mut self, text: impl Into<String>) {
        self.announce(text.into(), true);
    }

    fn announce(&mut self, text: String, error: bool) {
        self.notice = Some(Notice { text, error, until: self.ticks + Self::NOTICE_S });
        self.dirty = true;
    }

    /// Asks for the status report, unless that request is pending.
    pub(crate) fn load_status(&mut self) {
        if let Some(generation) = self.pending.begin("status", paths::STATUS) {
            self.effects.push(Effect::Send(Call::shared("status", paths::STATUS, generation, reported)));
        }
    }

    /// Asks for what changes by itself, whatever screen is shown.
    pub(crate) fn poll(&mut self) {
        self.load_status();
        if self.is_up()
            && let Some(generation) = self.pending.begin("jobs", paths::JOBS)
        {
            self.effects.push(Effect::Send(Call::shared("jobs", paths::JOBS, generation, listed)));
        }
    }
}

fn reported(state: &mut State, status: Status) {
    let shared = &mut state.shared;
    shared.dirty |= shared.status.as_ref() != Some(&status);
    shared.dirty |= shared.is_silent();
    shared.reported = shared.ticks;
    shared.history.push(&status);
    shared.status = Some(status);
}

fn listed(state: &mut State, jobs: JobList) {
    state.shared.dirty |= state.shared.jobs != jobs.items;
    state.shared.jobs = jobs.items;
}

impl Shared {
    /// Why no change can be made now, if there is a reason.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        if self.settings.readonly {
            return Some(strings::READONLY);
        }
        (!self.is_up()).then_some(strings::OFFLINE)
    }

    /// Sends a change, or shows why it cannot be made.
    pub(crate) fn change(&mut self, change: Call) {
        match self.obstacle() {
            Some(obstacle) => self.notify_error(obstacle),
            None => self.effects.push(Effect::Send(change)),
        }
    }
}
