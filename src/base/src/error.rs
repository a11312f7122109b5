//! Errors, of two kinds: a [`Refusal`] is caused by the request and safe to show; a [`Fault`] is caused by the server,
//! is shown without detail, and is logged once with its cause. One file of the `http` crate maps both to HTTP.

use std::borrow::Cow;
use std::fmt;

/// The result of anything that can be refused or fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a fault.
#[derive(Debug)]
pub enum Error {
    /// Caused by the request.
    Refusal(Box<Refusal>),
    /// Caused by the server.
    Fault(Fault),
}

/// A refused request. Its message tells the caller what to do instead.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The Matrix error code.
    pub reason: Reason,
    /// A sentence for the caller. Names nothing of this server's network: strangers read it.
    pub message: Cow<'static, str>,
    /// The cause, for the operator only: it may name addresses. Responses and [`Display`](fmt::Display) omit it.
    pub cause: Option<Box<str>>,
    /// Further fields of the Matrix error body, such as `current_version` or `soft_logout`.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// Matrix error codes (client-server API 1.19, "Common error codes" and the endpoints' own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the Matrix error code of its name; the specification explains it")]
pub enum Reason {
    /// HTTP 409 with `M_UNKNOWN`: the room alias exists.
    AliasInUse,
    AlreadyJoined,
    BadAlias,
    BadJson,
    BadState,
    /// Another program answered with a status that is no success.
    BadStatus,
    CannotLeaveServerNoticeRoom,
    CannotOverwriteMedia,
    CapacityExceeded,
    /// MSC4306, HTTP 409: the user has unsubscribed from the thread since the event that would subscribe them.
    ConflictingUnsubscription,
    ConnectionFailed,
    ConnectionTimeout,
    DuplicateAnnotation,
    Exclusive,
    Forbidden,
    GuestAccessForbidden,
    IncompatibleRoomVersion,
    InvalidParam,
    InvalidRoomState,
    InvalidSignature,
    InvalidUsername,
    InviteBlocked,
    /// `M_LIMIT_EXCEEDED`, with the time after which another try makes sense, in milliseconds.
    LimitExceeded {
        retry_after_ms: u64,
    },
    /// MSC4140: the delay is longer than the server allows.
    MaxDelayExceeded,
    /// HTTP 405 with `M_UNRECOGNIZED`: the path exists, the method does not.
    MethodNotAllowed,
    MissingParam,
    MissingToken,
    /// `M_FORBIDDEN`: another server could not authenticate a request of this one, for instance as it could not fetch
    /// this one's keys. It has not decided on the request.
    NotAuthenticated,
    NotFound,
    /// MSC4306: an event that is to subscribe a user to a thread is not in it.
    NotInThread,
    NotJson,
    NotYetUploaded,
    /// HTTP 507: the disk is full. Reads continue; writes are refused until there is space.
    OutOfSpace,
    ProfileTooLarge,
    /// HTTP 400, unlike [`Reason::TooLarge`]: a field of a profile is too large (MSC4426).
    ProfileFieldTooLarge,
    KeyTooLarge,
    RoomInUse,
    /// `M_RESOURCE_LIMIT_EXCEEDED`: the room exceeds `federation.complexity_limit`.
    RoomTooLarge,
    /// HTTP 405 with `M_BAD_JSON`: account data that has endpoints of its own.
    ServerControlled,
    ThreepidDenied,
    ThreepidMediumNotSupported,
    ThreepidNotFound,
    TooLarge,
    UnableToAuthoriseJoin,
    UnableToGrantJoin,
    /// HTTP 401 whose body (in `fields`) offers the flows of user-interactive authentication.
    Uia,
    Unauthorized,
    Unknown,
    UnknownDevice,
    UnknownPos,
    /// `M_UNKNOWN_TOKEN`.
    UnknownToken {
        soft_logout: bool,
    },
    /// HTTP 503 with `M_UNKNOWN`: the server cannot answer until its administrator has done something.
    Unavailable,
    Unrecognized,
    UnsupportedRoomVersion,
    UrlNotSet,
    UserDeactivated,
    UserInUse,
    UserLocked,
    UserSuspended,
    UserLimitExceeded,
    WeakPassword,
    WrongRoomKeysVersion,
}

impl Refusal {
    /// A refusal with further fields for its body.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<serde_json::Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// A refusal with a cause that only the operator reads: see [`Error::for_operator`].
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into().into_boxed_str());
        self
    }
}

/// A refusal with a reason and a message for the caller.
pub fn refuse(reason: Reason, message: impl Into<Cow<'static, str>>) -> Error {
    Error::Refusal(Box::new(refusal(reason, message)))
}

/// [`refuse`] as a [`Refusal`], to which fields can be added.
pub fn refusal(reason: Reason, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal { reason, message: message.into(), cause: None, fields: serde_json::Map::new() }
}

impl Error {
    /// `M_FORBIDDEN`.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        refuse(Reason::Forbidden, message)
    }

    /// `M_NOT_FOUND`.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        refuse(Reason::NotFound, message)
    }

    /// `M_INVALID_PARAM`.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        refuse(Reason::InvalidParam, message)
    }

    /// `M_BAD_JSON`.
    pub fn bad_json(message: impl Into<Cow<'static, str>>) -> Self {
        refuse(Reason::BadJson, message)
    }

    /// A fault with what was being done, and its cause.
    pub fn fault(doing: impl Into<Cow<'static, str>>, cause: impl Into<Cause>) -> Self {
        Self::Fault(Fault { doing: doing.into(), cause: Some(cause.into()) })
    }

    /// A fault without a cause: a broken invariant.
    pub fn broken(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Fault(Fault { doing: what.into(), cause: None })
    }

    /// The reason of a refusal; `None` for a fault.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refusal(refusal) => Some(refusal.reason),
            Self::Fault(_) => None,
        }
    }

    /// The error with its cause, for `hearth ctl` and the log. Must not be part of a response to clients or other
    /// servers: the cause may name addresses of this server's network.
    #[must_use]
    pub fn for_operator(&self) -> String {
        match self {
            Self::Refusal(refusal) => match &refusal.cause {
                Some(cause) => format!("{} ({cause})", refusal.message),
                None => refusal.message.to_string(),
            },
            Self::Fault(fault) => fault.to_string(),
        }
    }

    /// Whether another server has not decided on what it was asked: the same request may succeed later.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        matches!(self.reason(), Some(Reason::ConnectionFailed | Reason::NotAuthenticated))
    }
}

/// The cause of a fault.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error caused by the server.
#[derive(Debug)]
pub struct Fault {
    /// What was being done.
    pub doing: Cow<'static, str>,
    /// Why it failed.
    pub cause: Option<Cause>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        let mut cause = self.cause.as_ref().map(|cause| &**cause as &dyn std::error::Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refusal(refusal) => f.write_str(&refusal.message),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(Box::new(refusal))
    }
}
