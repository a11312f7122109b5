//! Messages to the state, and the effects that it requests.

use crossterm::event::KeyEvent;

use crate::client::ClientError;
use crate::wire::{
    Destination, Job, ListQuery, LogPage, LogQuery, NewRegistrationToken, NewUser, Page, RegistrationToken, RelayCheck,
    RelayStatus, RoomDetail, RoomSummary, Status, UserDetail, UserSummary,
};

/// An event for the state.
#[derive(Debug)]
pub(crate) enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted. It is never interpreted as keys.
    Paste(String),
    /// The terminal was resized: columns, rows.
    Resize(u16, u16),
    /// One second has passed.
    Tick,
    /// A response with data.
    Loaded(Loaded),
    /// A request failed, or the server refused it.
    LoadFailed(Load, ClientError),
    /// A change succeeded or failed.
    Changed(Change, Result<Outcome, ClientError>),
}

/// An action outside of the state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Load something; ends in [`Message::Loaded`] or [`Message::LoadFailed`].
    Load(Load),
    /// Change something; ends in [`Message::Changed`].
    Change(Change),
    /// Put text on the clipboard.
    Copy(String),
    /// Redraw every cell, because another program wrote to the terminal.
    Repaint,
}

/// A request for data. The response carries the same `ticket`, so that the state can drop responses to outdated
/// requests.
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
    /// Tests every relay URI. Changes nothing permanently, so a read-only dashboard may do it.
    RelayTest,
}

/// The data of a response.
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

/// A change on the server.
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
    /// Ends one relayed address. `user` is for the notice afterwards.
    Disconnect {
        id: String,
        user: String,
    },
    DisconnectAll {
        user: String,
    },
}

/// The result of a change.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The account and the generated password, if one was generated.
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
        // Omits the password and the token: Debug output ends up in logs.
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
