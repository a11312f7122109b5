//! Everything the dashboard knows and shows. Plain data with small invariants; what happens to it is in `update`.

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

pub(crate) use calls::{CallsPart, CallsView, Held, Person, Tested};
pub(crate) use detail::{Detail, DetailData};
pub(crate) use history::History;
pub(crate) use input::Input;
pub(crate) use listing::{List, Listing, Row};
pub(crate) use log::LogView;
pub(crate) use overlay::{Confirm, Field, FieldValue, Form, FormKind, Menu, MenuItem, Overlay, Toggle, Typed};

/// Smallest terminal that is drawn at all, columns and rows.
pub(crate) const SIZE_MIN: (u16, u16) = (40, 10);

/// The whole dashboard.
pub(crate) struct State {
    pub(crate) settings: Settings,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) screen: Screen,
    pub(crate) link: Link,
    /// The newest health report; kept while the server is away.
    pub(crate) status: Option<Status>,
    /// Whether a status request is on its way.
    pub(crate) status_asked: bool,
    pub(crate) history: History,
    /// The problem selected on the first screen.
    pub(crate) problem: usize,
    pub(crate) users: Listing<UserSummary>,
    pub(crate) rooms: Listing<RoomSummary>,
    pub(crate) tokens: Listing<RegistrationToken>,
    pub(crate) log: LogView,
    pub(crate) servers: Listing<Destination>,
    pub(crate) calls: CallsView,
    pub(crate) jobs: Vec<Job>,
    /// What is opened over its list.
    pub(crate) detail: Option<Detail>,
    /// What lies over the screen and takes all keys.
    pub(crate) overlay: Option<Overlay>,
    /// The line being typed at the bottom, if any.
    pub(crate) line: Option<Line>,
    pub(crate) notice: Option<Notice>,
    pub(crate) undo: Option<Undo>,
    /// Seconds since the start.
    pub(crate) ticks: u64,
    /// Something changed since the last frame.
    pub(crate) dirty: bool,
    pub(crate) quit: bool,
}

/// What was chosen on the command line.
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

    /// Position in [`Screen::ALL`]; its number key is one more.
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|screen| *screen == self).unwrap_or(0)
    }

    /// The screen `steps` further, round and round.
    pub(crate) fn neighbour(self, steps: isize) -> Self {
        let count = Self::ALL.len();
        Self::ALL[self.index().saturating_add_signed(steps + count.cast_signed()) % count]
    }
}

/// Whether the server is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The first answer is awaited.
    Connecting,
    Up,
    /// It is not, and this is why.
    Down(ClientError),
}

/// The line at the bottom that takes text.
pub(crate) struct Line {
    pub(crate) kind: LineKind,
    pub(crate) input: Input,
}

/// What the bottom line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// `:`
    Command,
    /// `/`; remembers the filter before, for Esc.
    Filter { before: String },
}

/// A sentence at the bottom, until the next one or until it is old.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) error: bool,
    /// The tick at which it goes.
    pub(crate) until: u64,
}

/// A change that can be taken back for a short while.
#[derive(Debug)]
pub(crate) struct Undo {
    /// What takes it back.
    pub(crate) change: Change,
    /// The tick at which the offer ends.
    pub(crate) until: u64,
}

impl State {
    /// How long a notice stays, in seconds.
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

    /// The server's clock, milliseconds since the epoch; 0 before the first answer. The dashboard has no clock of its
    /// own: two that disagree would make "last seen" wrong.
    pub(crate) fn now_ms(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.now_ms)
    }

    /// Rows of a list that fit on the screen, roughly; what PgUp and PgDn move by.
    pub(crate) fn page_rows(&self) -> usize {
        usize::from(self.size.1.saturating_sub(6)).max(1)
    }

    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), error: false, until: self.ticks + Self::NOTICE_S });
    }

    pub(crate) fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), error: true, until: self.ticks + Self::NOTICE_S });
    }

    /// The list on the screen, under what is opened; none where there is no list.
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

    /// As [`State::list`].
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

    /// The user that actions are about: the opened one, or the one under the cursor.
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

    /// The other server that actions are about: the opened one, or the one under the cursor.
    pub(crate) fn target_server(&self) -> Option<String> {
        if self.screen != Screen::Federation {
            return None;
        }
        let opened = self.detail.as_ref().map(|detail| detail.id.clone());
        opened.or_else(|| self.servers.selected_key())
    }
}
