//! The state of the dashboard: plain data with small invariants. `update` changes it.

mod calls;
mod detail;
mod filter;
mod history;
mod input;
mod listing;
mod log;
mod overlay;
mod rows;

use crate::client::ClientError;
use crate::wire::{Destination, Job, RegistrationToken, RoomSummary, Status, UserSummary};

use super::message::Change;

pub(crate) use calls::{AllocationRow, CallsPart, CallsView, RelayTestResult, RelayUserRow};
pub(crate) use detail::{Detail, DetailData};
pub(crate) use history::History;
pub(crate) use input::Input;
pub(crate) use listing::{List, Listing, Row};
pub(crate) use log::LogView;
pub(crate) use overlay::{Confirm, Field, FieldValue, Form, FormKind, Menu, MenuItem, Overlay, Toggle, TypedConfirm};

/// Smallest supported terminal, in columns and rows.
pub(crate) const SIZE_MIN: (u16, u16) = (40, 10);

/// The whole state.
pub(crate) struct State {
    pub(crate) settings: Settings,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) screen: Screen,
    pub(crate) link: Link,
    /// The latest status report. Kept while the server is unreachable.
    pub(crate) status: Option<Status>,
    /// Whether a status request is pending.
    pub(crate) status_asked: bool,
    pub(crate) history: History,
    /// Index of the selected problem on the first screen.
    pub(crate) problem: usize,
    pub(crate) users: Listing<UserSummary>,
    pub(crate) rooms: Listing<RoomSummary>,
    pub(crate) tokens: Listing<RegistrationToken>,
    pub(crate) log: LogView,
    pub(crate) servers: Listing<Destination>,
    pub(crate) calls: CallsView,
    pub(crate) jobs: Vec<Job>,
    /// The detail view over the list.
    pub(crate) detail: Option<Detail>,
    /// The overlay, which takes all keys.
    pub(crate) overlay: Option<Overlay>,
    /// The line being typed at the bottom.
    pub(crate) line: Option<Line>,
    pub(crate) notice: Option<Notice>,
    pub(crate) undo: Option<Undo>,
    /// Seconds since the start.
    pub(crate) ticks: u64,
    /// Whether anything changed since the last frame.
    pub(crate) dirty: bool,
    pub(crate) quit: bool,
}

/// Options from the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) color: bool,
    pub(crate) ascii: bool,
    pub(crate) readonly: bool,
}

/// The screens, in the order of their number keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Dashboard,
    Users,
    Rooms,
    Log,
    Tokens,
    Federation,
    Calls,
}

impl Screen {
    pub(crate) const ALL: [Self; 7] =
        [Self::Dashboard, Self::Users, Self::Rooms, Self::Log, Self::Tokens, Self::Federation, Self::Calls];

    /// Index in [`Screen::ALL`]. Its number key is one more.
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|screen| *screen == self).unwrap_or(0)
    }

    /// The screen `steps` further, wrapping around.
    pub(crate) fn neighbour(self, steps: isize) -> Self {
        let count = Self::ALL.len();
        Self::ALL[self.index().saturating_add_signed(steps + count.cast_signed()) % count]
    }
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
#[derive(Debug)]
pub(crate) struct Undo {
    /// The change that reverts it.
    pub(crate) change: Change,
    /// The tick at which the offer expires.
    pub(crate) until: u64,
}

impl State {
    /// How long a notice is shown, in seconds.
    const NOTICE_S: u64 = 8;

    pub(crate) fn new(settings: Settings, size: (u16, u16)) -> Self {
        Self {
            settings,
            size,
            screen: Screen::Dashboard,
            link: Link::Connecting,
            status: None,
            status_asked: false,
            history: History::default(),
            problem: 0,
            users: Listing::new(),
            rooms: Listing::new(),
            tokens: Listing::new(),
            log: LogView::new(),
            servers: Listing::new(),
            calls: CallsView::new(),
            jobs: Vec::new(),
            detail: None,
            overlay: None,
            line: None,
            notice: None,
            undo: None,
            ticks: 0,
            dirty: true,
            quit: false,
        }
    }

    /// The server's clock, in milliseconds since the epoch; 0 before the first response. The dashboard uses no
    /// clock of its own, because "last seen" would be wrong if the two clocks differ.
    pub(crate) fn now_ms(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.now_ms)
    }

    /// Approximate number of list rows on the screen, for PgUp and PgDn.
    pub(crate) fn page_rows(&self) -> usize {
        usize::from(self.size.1.saturating_sub(6)).max(1)
    }

    pub(crate) fn notify(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), error: false, until: self.ticks + Self::NOTICE_S });
    }

    pub(crate) fn notify_error(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), error: true, until: self.ticks + Self::NOTICE_S });
    }

    /// The list on the screen, also while a detail view is open over it.
    pub(crate) fn list(&self) -> Option<&dyn List> {
        match self.screen {
            Screen::Dashboard => None,
            Screen::Users => Some(&self.users),
            Screen::Rooms => Some(&self.rooms),
            Screen::Log => Some(&self.log.list),
            Screen::Tokens => Some(&self.tokens),
            Screen::Federation => Some(&self.servers),
            Screen::Calls => self.calls.list(),
        }
    }

    /// Mutable variant of [`State::list`].
    pub(crate) fn list_mut(&mut self) -> Option<&mut dyn List> {
        match self.screen {
            Screen::Dashboard => None,
            Screen::Users => Some(&mut self.users),
            Screen::Rooms => Some(&mut self.rooms),
            Screen::Log => Some(&mut self.log.list),
            Screen::Tokens => Some(&mut self.tokens),
            Screen::Federation => Some(&mut self.servers),
            Screen::Calls => self.calls.list_mut(),
        }
    }

    /// The user that actions apply to: the opened one, or the selected one.
    pub(crate) fn target_user(&self) -> Option<&UserSummary> {
        if self.screen != Screen::Users {
            return None;
        }
        match self.detail.as_ref().map(|detail| &detail.data) {
            Some(DetailData::User(user)) => Some(&user.summary),
            Some(_) => None,
            None => self.users.selected(),
        }
    }

    /// The server that actions apply to: the opened one, or the selected one.
    pub(crate) fn target_server(&self) -> Option<String> {
        if self.screen != Screen::Federation {
            return None;
        }
        let opened = self.detail.as_ref().map(|detail| detail.id.clone());
        opened.or_else(|| self.servers.selected_key())
    }
}
