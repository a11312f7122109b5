//! Turns a handler of a ruma request into routes: every path that the endpoint has ever had, the same limits, the same
//! checks, in one place.

use std::future::Future;
use std::ops::Deref;

use axum::Router;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_domain::{Requester, uia};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ruma::ServerName;
use ruma::api::path_builder::PathBuilder;
use ruma::api::{IncomingRequest, IncomingRequestExt, Metadata, OutgoingResponse};

use crate::app::{App, ClientAddress, ConnectionAuth};
use crate::auth::{self, Need, Scheme};
use crate::federation::{self, auth::RequestingServer};
use crate::respond::{Failure, answer};
use crate::{access, edge, json};

/// A request as a handler gets it: parsed, authenticated, within its limits.
#[derive(Debug)]
pub struct Ruma<T> {
    /// The request.
    pub body: T,
    /// Who asks; always there when the endpoint requires a token.
    pub requester: Option<Requester>,
    /// Which server asks; always there when the endpoint requires a server's signature.
    pub asker: Option<RequestingServer>,
    /// Where from.
    pub peer: ClientAddress,
    /// The request's body as it came, for what ruma's types do not carry (user-interactive authentication binds to it).
    pub raw: bytes::Bytes,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The target of the request, for parameters that ruma's types do not carry.
    pub uri: http::Uri,
    /// Method and path, for endpoints with user-interactive authentication; empty for others.
    pub target: String,
    /// What the body had as `auth`, for the same endpoints; `raw` and `body` are without it.
    pub auth: Option<serde_json::Value>,
}

impl<T> Deref for Ruma<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

impl<T> Ruma<T> {
    /// Who asks.
    pub fn user(&self) -> Result<&Requester> {
        self.requester.as_ref().ok_or_else(|| refuse(Reason::MissingToken, "This needs an access token: log in first."))
    }
}

impl<T> Ruma<T> {
    /// Which server asks.
    pub fn origin(&self) -> Result<&ServerName> {
        let asker = self.asker.as_ref();
        asker.map(|asker| &*asker.name).ok_or_else(|| refuse(Reason::Unauthorized, "This is for other servers."))
    }

    /// This request as `Uia::check` wants it.
    #[must_use]
    pub fn uia(&self, flows: uia::Flows) -> uia::UiaRequest<'_> {
        let auth = self.auth.as_ref();
        uia::UiaRequest { requester: self.requester.as_ref(), target: &self.target, body: &self.raw, auth, flows }
    }
}

/// What a route allows.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
    /// Which rate limit applies.
    pub rate: edge::Rate,
    /// Whether it takes user-interactive authentication: then `auth` is taken out of the body before anything parses it.
    pub uia: bool,
    /// Whether the handler itself bounds how deep each part of the body nests. It must not parse the whole then.
    pub deep: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { body_bytes_max: limits::BODY_BYTES_MAX, rate: edge::Rate::None, uia: false, deep: false }
    }
}

impl Bounds {
    /// The usual bounds, with a rate limit.
    #[must_use]
    pub fn rate(rate: edge::Rate) -> Self {
        Self { rate, ..Self::default() }
    }

    /// These bounds, with user-interactive authentication (see `hearth_domain::uia`).
    #[must_use]
    pub fn uia(self) -> Self {
        Self { uia: true, ..self }
    }

    /// With room for keys of many devices.
    #[must_use]
    pub fn keys() -> Self {
        Self { body_bytes_max: limits::KEYS_BODY_BYTES_MAX, ..Self::default() }
    }
}

/// A router that learns ruma endpoints.
pub trait RouterExt: Sized {
    /// Serves an endpoint at all of its paths. The handler's argument says which endpoint it is. It answers with the
    /// endpoint's own response, or with another where clients rely on fields that ruma leaves out.
    #[must_use]
    fn endpoint<T, F, A, R>(self, bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<R>> + Send,
        R: OutgoingResponse;

    /// As [`RouterExt::endpoint`], for answers whose bytes come in pieces: files, and lists that may be long.
    #[must_use]
    fn streamed<T, F, A>(self, bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response>> + Send;

    /// As [`RouterExt::streamed`], at other paths than the endpoint's own.
    #[must_use]
    fn streamed_at<T, F, A>(self, paths: &[&str], bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response>> + Send;

    /// As [`RouterExt::endpoint`], at other paths than the endpoint's own: for what ruma reads and does not list, such as a
    /// state event without a state key.
    #[must_use]
    fn endpoint_at<T, F, A, R>(self, paths: &[&str], bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<R>> + Send,
        R: OutgoingResponse;
}

impl RouterExt for Router<App> {
    fn endpoint<T, F, A, R>(self, bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<R>> + Send,
        R: OutgoingResponse,
    {
        let paths: Vec<&str> = T::PATH_BUILDER.all_paths().collect();
        self.endpoint_at(&paths, bounds, handler)
    }

    fn endpoint_at<T, F, A, R>(self, paths: &[&str], bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<R>> + Send,
        R: OutgoingResponse,
    {
        let write = move |app, request| {
            let answering = handler(app, request);
            async move { answering.await.map(answer) }
        };
        routes(self, paths, bounds, write)
    }

    fn streamed<T, F, A>(self, bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response>> + Send,
    {
        let paths: Vec<&str> = T::PATH_BUILDER.all_paths().collect();
        self.streamed_at(&paths, bounds, handler)
    }

    fn streamed_at<T, F, A>(self, paths: &[&str], bounds: Bounds, handler: F) -> Self
    where
        T: IncomingRequest + Send + 'static,
        T::Authentication: Scheme,
        F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response>> + Send,
    {
        routes(self, paths, bounds, handler)
    }
}

/// A handler at some paths.
fn routes<T, F, A>(mut router: Router<App>, paths: &[&str], bounds: Bounds, handler: F) -> Router<App>
where
    T: IncomingRequest + Send + 'static,
    T::Authentication: Scheme,
    F: Fn(App, Ruma<T>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response>> + Send,
{
    let method = MethodFilter::try_from(T::METHOD).expect("ruma's endpoints use methods that axum knows");
    for path in paths {
        let handler = handler.clone();
        let serve = move |State(app): State<App>, params: RawPathParams, request: Request| async move {
            serve(app, params, request, bounds, handler).await.unwrap_or_else(|failure| failure.into_response())
        };
        router = router.route(path, on(method, serve));
    }
    router
}

/// Answers one request to an endpoint: authenticates it, bounds it, parses it, and hands it to the handler.
pub(crate) async fn serve<T, F, A>(
    app: App,
    params: RawPathParams,
    request: Request,
    bounds: Bounds,
    handler: F,
) -> Result<Response, Failure>
where
    T: IncomingRequest + Send + 'static,
    <T as Metadata>::Authentication: Scheme,
    F: Fn(App, Ruma<T>) -> A,
    A: Future<Output = Result<Response>>,
{
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None });
    let need = <T::Authentication as Scheme>::NEED;
    let requester = auth::authenticate(&app, need, &parts.headers, parts.uri.query(), &peer).await?;
    if let Some(requester) = &requester {
        // So that the connection keeps its place when others run out of theirs.
        if let Some(connection) = parts.extensions.get::<ConnectionAuth>() {
            connection.set();
        }
        access::check(requester, &parts.method, parts.extensions.get().map_or("", MatchedPath::as_str))?;
    }
    edge::rate_limit(&app, bounds.rate, &peer, requester.as_ref())?;
    let claim = match need {
        Need::Server => Some(federation::auth::claim(&app, &parts, &peer, bounds.body_bytes_max).await?),
        _ => None,
    };
    let raw = match &claim {
        Some(claim) => federation::auth::read_body(claim, body).await?,
        None => read_body(body, bounds.body_bytes_max).await?,
    };
    let asker = match claim {
        Some(claim) => Some(claim.prove(&app, &parts, &raw, &peer).await?),
        None => None,
    };
    match need {
        _ if bounds.deep => {}
        // An event that is too deep is that event's fault alone, and not that of the others in its transaction.
        Need::Server => json::check_depth_within(&raw, limits::FEDERATION_JSON_DEPTH_MAX)?,
        _ => json::check_depth(&raw)?,
    }
    let user_agent =
        parts.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (mut raw, mut auth, mut target) = (raw, None, String::new());
    if bounds.uia {
        target = format!("{} {}", parts.method, parts.uri.path());
        let (rest, proof) = app.domain.uia.split(&raw, &target);
        (raw, auth) = (rest.into(), proof);
    }
    let uri = parts.uri.clone();
    let body = parse::<T>(parts, &raw, &params)?;
    Ok(handler(app, Ruma { body, requester, asker, peer, raw, user_agent, uri, target, auth }).await?)
}

fn parse<T: IncomingRequest>(parts: http::request::Parts, raw: &[u8], params: &RawPathParams) -> Result<T> {
    // RawPathParams come percent-decoded and in the order of the path, which is the order ruma wants them in.
    let params: Vec<&str> = params.iter().map(|(_, value)| value).collect();
    if params.iter().any(|value| value.contains('\0')) {
        return Err(Error::invalid("A NUL character is not allowed in a path."));
    }
    // Clients leave out a body that would be empty (joining, leaving, forgetting).
    let raw: &[u8] = if raw.is_empty() && parts.method != http::Method::GET { b"{}" } else { raw };
    T::try_from_http_request(http::Request::from_parts(parts, raw), &params)
        .map_err(|error| json::explain_request(raw, &error))
}

/// Reads a body of at most `bytes_max`.
pub async fn read_body(body: axum::body::Body, bytes_max: usize) -> Result<bytes::Bytes> {
    let collected = Limited::new(body, bytes_max).collect().await.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            return refuse(Reason::TooLarge, format!("The request's body is larger than {bytes_max} bytes."));
        }
        refuse(Reason::Unknown, "The request's body ended too early.")
    })?;
    Ok(collected.to_bytes())
}

/// The path pattern that a request matched, for logs and metrics: it has no identifiers in it.
#[must_use]
pub fn pattern(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}
