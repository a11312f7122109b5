//! What happens to the dashboard, and what it wants done.

use crossterm::event::KeyEvent;

use crate::client::ClientError;
use crate::wire::{
    Destination, Job, ListQuery, LogPage, LogQuery, NewRegistrationToken, NewUser, Page, RegistrationToken, RelayCheck,
    RelayStatus, RoomDetail, RoomSummary, Status, UserDetail, UserSummary,
};

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted; it is never taken for keys.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// A second went by.
    Tick,
    /// The server answered.
    Loaded(Loaded),
    /// The server did not answer, or refused.
    LoadFailed(Load, ClientError),
    /// A change was made, or was not.
    Changed(Change, Result<Outcome, ClientError>),
}

/// One thing to do outside of the state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Read something; ends in [`Message::Loaded`] or [`Message::LoadFailed`].
    Load(Load),
    /// Change something; ends in [`Message::Changed`].
    Change(Change),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Paint every cell anew, because something else wrote on the terminal.
    Repaint,
}

/// Something to read. A `ticket` comes back with the answer, so that a late one can be told from the one wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Status,
    Jobs,
    Users {
        query: ListQuery,
        ticket: u64,
    },
    User(String),
    Rooms {
        query: ListQuery,
        ticket: u64,
    },
    Room(String),
    Tokens {
        ticket: u64,
    },
    Log {
        query: LogQuery,
        ticket: u64,
    },
    Servers {
        query: ListQuery,
        ticket: u64,
    },
    Server(String),
    Relay,
    /// Tries every way to the relay. It changes nothing that lasts, so whoever may only look may do it.
    RelayTest,
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Loaded {
    Status(Box<Status>),
    Jobs(Vec<Job>),
    Users { page: Page<UserSummary>, ticket: u64 },
    User(Box<UserDetail>),
    Rooms { page: Page<RoomSummary>, ticket: u64 },
    Room(Box<RoomDetail>),
    Tokens { items: Vec<RegistrationToken>, ticket: u64 },
    Log { page: LogPage, ticket: u64 },
    Servers { page: Page<Destination>, ticket: u64 },
    Server(Box<Destination>),
    Relay(Box<RelayStatus>),
    RelayTest(Vec<RelayCheck>),
}

/// Something to change on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    CreateUser(NewUser),
    ResetPassword {
        user: String,
        logout_devices: bool,
    },
    SetLocked {
        user: String,
        locked: bool,
    },
    SetAdmin {
        user: String,
        admin: bool,
    },
    LogoutEverywhere {
        user: String,
    },
    Deactivate {
        user: String,
        erase: bool,
    },
    CreateToken(NewRegistrationToken),
    RevokeToken(String),
    RetryServer(String),
    /// Ends one relayed address; the user is for what is said afterwards.
    Disconnect {
        id: String,
        user: String,
    },
    DisconnectAll {
        user: String,
    },
}

/// What came of a change.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The account and the password the server made, if it made one.
    Password {
        user: String,
        password: Option<String>,
    },
    LoggedOut {
        devices: u64,
    },
    Token(RegistrationToken),
    Server(Box<Destination>),
    Disconnected {
        allocations: u64,
    },
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the password or the token: they are secrets, and `{:?}` ends up in logs.
        f.write_str(match self {
            Self::Done => "Done",
            Self::Password { .. } => "Password",
            Self::LoggedOut { .. } => "LoggedOut",
            Self::Token(_) => "Token",
            Self::Server(_) => "Server",
            Self::Disconnected { .. } => "Disconnected",
        })
    }
}
