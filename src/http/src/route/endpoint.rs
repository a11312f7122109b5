//! One endpoint: everything that is decided about a request before its handler runs.

use std::borrow::Cow;
use std::fmt;

use axum::body::Body;
use hearth_base::limits;
use hearth_domain::rates::Rate;
use http::Method;
use ruma::api::IncomingRequest;
use ruma::api::path_builder::PathBuilder;

use super::handler::{self, Handler};
use super::{Call, Callers, Ruma};
use crate::App;
use crate::auth::{Authentication, Scheme};
use crate::respond::Answer;

/// An entry in the table of endpoints.
pub struct Endpoint {
    pub(super) method: Method,
    pub(super) paths: Vec<Cow<'static, str>>,
    pub(super) authentication: Authentication,
    pub(super) rate: Rate,
    pub(super) body: RequestBody,
    pub(super) depth: Depth,
    pub(super) callers: Callers,
    pub(super) uia: bool,
    pub(super) is_page: bool,
    pub(super) precedes_sync: bool,
    pub(super) handler: Handler,
}

/// How the body of a request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestBody {
    /// Read completely before the handler runs, up to this many bytes.
    AtMost(usize),
    /// Passed on as a stream: the handler enforces the limit while it writes to disk.
    Streamed,
}

/// Where the nesting depth of the JSON body is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Before the handler, for the whole body.
    Whole,
    /// In the handler, for each part separately. The handler must not parse the whole body.
    Parts,
}

impl Endpoint {
    /// An endpoint that ruma defines, at all paths of its history; the handler's argument type selects it. It responds
    /// with ruma's response type, or with another where clients rely on fields that ruma omits.
    ///
    /// Rate limit and body limit default by authentication. Guests, locked and suspended users and application services
    /// are refused until the methods below permit them.
    pub fn new<T, F, A, R, K>(handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Send + Sync + 'static,
        A: Future<Output = hearth_base::Result<R>> + Send + 'static,
        R: Answer<K>,
    {
        let paths = T::PATH_BUILDER.all_paths().map(Cow::Borrowed).collect();
        let authentication = <T::Authentication as Scheme>::AUTHENTICATION;
        Self::with(T::METHOD, paths, authentication, handler::parsed(handler))
    }

    /// An endpoint that ruma does not define, or whose body its types cannot represent.
    pub fn plain<F, A, R, K, P>(
        method: Method,
        paths: impl IntoIterator<Item = P>,
        authentication: Authentication,
        handler: F,
    ) -> Self
    where
        F: Fn(App, Call) -> A + Send + Sync + 'static,
        A: Future<Output = hearth_base::Result<R>> + Send + 'static,
        R: Answer<K>,
        P: Into<Cow<'static, str>>,
    {
        let paths = paths.into_iter().map(Into::into).collect();
        Self::with(method, paths, authentication, handler::plain(handler))
    }

    /// Like [`Endpoint::plain`], with a handler that streams the body and enforces its limit.
    pub fn streamed<F, A, R, K, P>(
        method: Method,
        paths: impl IntoIterator<Item = P>,
        authentication: Authentication,
        handler: F,
    ) -> Self
    where
        F: Fn(App, Call, Body) -> A + Send + Sync + 'static,
        A: Future<Output = hearth_base::Result<R>> + Send + 'static,
        R: Answer<K>,
        P: Into<Cow<'static, str>>,
    {
        let paths = paths.into_iter().map(Into::into).collect();
        let endpoint = Self::with(method, paths, authentication, handler::streamed(handler));
        Self { body: RequestBody::Streamed, ..endpoint }
    }

    fn with(method: Method, paths: Vec<Cow<'static, str>>, authentication: Authentication, handler: Handler) -> Self {
        let (rate, body_bytes_max) = match authentication {
            Authentication::None | Authentication::OptionalToken | Authentication::OptionalAppservice => {
                (Rate::Unauthenticated, limits::UNAUTHENTICATED_BODY_BYTES_MAX)
            }
            Authentication::Token | Authentication::Appservice => (Rate::None, limits::BODY_BYTES_MAX),
            Authentication::Server => (Rate::Federation, limits::BODY_BYTES_MAX),
            Authentication::AdminSocket => (Rate::None, limits::ADMIN_BODY_BYTES_MAX),
        };
        let (body, callers) = (RequestBody::AtMost(body_bytes_max), Callers::default());
        Self {
            method,
            paths,
            authentication,
            rate,
            body,
            depth: Depth::Whole,
            callers,
            uia: false,
            is_page: false,
            precedes_sync: false,
            handler,
        }
    }

    /// Replaces the endpoint's paths.
    #[must_use]
    pub fn at(mut self, paths: &[&'static str]) -> Self {
        self.paths.clear();
        self.also_at(paths)
    }

    /// Adds paths that ruma parses and does not list, such as a state event without a state key.
    #[must_use]
    pub fn also_at(mut self, paths: &[&'static str]) -> Self {
        self.paths.extend(paths.iter().map(|path| Cow::Borrowed(*path)));
        self
    }

    /// Adds paths that are computed from those of the endpoint.
    pub fn add(&mut self, paths: Vec<String>) {
        self.paths.extend(paths.into_iter().map(Cow::Owned));
    }

    /// Its method and each of its paths.
    pub fn names(&self) -> impl Iterator<Item = (&Method, &str)> {
        self.paths.iter().map(|path| (&self.method, &**path))
    }

    /// Replaces the endpoint's method.
    #[must_use]
    pub fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// Requires an access token where ruma's definition of the endpoint requires none.
    #[must_use]
    pub fn token(self) -> Self {
        Self { authentication: Authentication::Token, ..self }
    }

    /// Sets the rate limit. Requests count against the user, without one against the client address; those of servers
    /// against the server.
    #[must_use]
    pub fn rate(self, rate: Rate) -> Self {
        Self { rate, ..self }
    }

    /// Sets the body limit, in bytes.
    #[must_use]
    pub fn body_bytes_max(self, bytes_max: usize) -> Self {
        Self { body: RequestBody::AtMost(bytes_max), ..self }
    }

    /// Leaves the check of the JSON depth to the handler, which does it for each part.
    #[must_use]
    pub fn deep(self) -> Self {
        Self { depth: Depth::Parts, ..self }
    }

    /// Adds user-interactive authentication (see `hearth_domain::uia`): `auth` is removed from the body before it is
    /// parsed.
    #[must_use]
    pub fn uia(self) -> Self {
        Self { uia: true, ..self }
    }

    /// Answers refusals with a web page in the reader's language, not with JSON.
    #[must_use]
    pub fn page(self) -> Self {
        Self { is_page: true, ..self }
    }

    /// Holds back what a sync tells the same device until the response is sent (see `hearth_core::answering`).
    #[must_use]
    pub fn precedes_sync(self) -> Self {
        Self { precedes_sync: true, ..self }
    }

    /// Permits guests.
    #[must_use]
    pub fn guests(mut self) -> Self {
        self.callers.guests = true;
        self
    }

    /// Permits suspended users.
    #[must_use]
    pub fn suspended(mut self) -> Self {
        self.callers.suspended = true;
        self
    }

    /// Permits locked users.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.callers.locked = true;
        self
    }

    /// Permits application services.
    #[must_use]
    pub fn appservices(mut self) -> Self {
        self.callers.appservices = true;
        self
    }

    /// Permits all but locked users: guests, suspended users and application services. For reads, and for endpoints
    /// that concern only the caller's own data and keys.
    #[must_use]
    pub fn all_but_locked(self) -> Self {
        self.guests().suspended().appservices()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("method", &self.method).field("paths", &self.paths).finish_non_exhaustive()
    }
}
