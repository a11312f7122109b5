//! Requests to other homeservers: ruma's requests, signed (server-server API, "Request Authentication"), and
//! size-limited responses.

use hearth_base::boxed;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hearth_base::error::{refusal, refuse};
pub use hearth_base::limits::federation::REQUEST_ASK_WAIT;
use hearth_base::limits::federation::SHOWN_CHARS_MAX;
use hearth_base::{Error, Reason, Result, limits};
use hearth_core::ports::{Call, RemoteResponse};
use ruma::ServerName;
use ruma::api::auth_scheme::{AuthScheme, NoAuthentication};
use ruma::api::federation::authentication::{ServerSignatures, XMatrixSigningInput};
use ruma::api::path_builder::SinglePath;
use ruma::api::{IncomingResponseExt, OutgoingRequest, OutgoingRequestExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Federation;
use crate::answer_budget::{AnswerBudget, AnswerShare};

/// The authentication scheme of a request.
pub trait Signed: AuthScheme {
    /// The input that ruma needs for it.
    fn input<'a>(asker: &'a Federation, to: &ServerName) -> Self::Input<'a>;
}

impl Signed for ServerSignatures {
    fn input<'a>(asker: &'a Federation, to: &ServerName) -> XMatrixSigningInput<'a> {
        XMatrixSigningInput::new(asker.core.server_name.clone(), to.to_owned(), asker.core.key.pair())
    }
}

impl Signed for NoAuthentication {
    fn input(_: &Federation, _: &ServerName) {}
}

impl Federation {
    /// Sends a request to another homeserver and reads its full response, at most
    /// [`limits::FEDERATION_ANSWER_BYTES_MAX`].
    ///
    /// `M_FORBIDDEN` for servers that this one does not federate with, `M_CONNECTION_FAILED` without a response,
    /// otherwise the other server's error.
    pub async fn ask<R>(&self, to: &ServerName, request: R) -> Result<R::IncomingResponse>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        R::Authentication: Signed,
    {
        self.ask_within(to, request, REQUEST_ASK_WAIT).await
    }

    /// Same as [`Federation::ask`], with another time limit.
    pub async fn ask_within<R>(&self, to: &ServerName, request: R, wait: Duration) -> Result<R::IncomingResponse>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        R::Authentication: Signed,
    {
        let body = self.ask_bytes(to, request, wait, limits::FEDERATION_ANSWER_BYTES_MAX).await?;
        let response = http::Response::builder().status(200).body(&*body);
        let response = response.map_err(|error| unreadable(to, error))?;
        R::IncomingResponse::try_from_http_response(response).map_err(|error| unreadable(to, error))
    }

    /// Same as [`Federation::ask_within`], for responses of at most `bytes_max` that the caller deserialises: other
    /// servers omit fields that ruma requires.
    pub async fn ask_loosely<R, T>(&self, to: &ServerName, request: R, wait: Duration, bytes_max: usize) -> Result<T>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        R::Authentication: Signed,
        T: DeserializeOwned,
    {
        let body = self.ask_bytes(to, request, wait, bytes_max).await?;
        serde_json::from_slice(&body).map_err(|error| unreadable(to, error))
    }

    /// Same as [`Federation::ask_loosely`], for one of several responses that share a budget.
    pub async fn ask_sharing<R, T>(
        &self,
        to: &ServerName,
        request: R,
        wait: Duration,
        bytes_max: usize,
        budget: &AnswerBudget,
    ) -> Result<T>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        R::Authentication: Signed,
        T: DeserializeOwned,
    {
        let answer = self.ask_streamed(to, request, wait).await?;
        let mut share = budget.share();
        let body = tokio::time::timeout(wait, body_within(to, answer, bytes_max, Some(&mut share))).await;
        let body = body.map_err(|_| unreadable(to, "it took too long to send its answer"))??;
        let read = serde_json::from_slice(&body).map_err(|error| unreadable(to, error))?;
        share.keep();
        Ok(read)
    }

    async fn ask_bytes<R>(&self, to: &ServerName, request: R, wait: Duration, bytes_max: usize) -> Result<Bytes>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        R::Authentication: Signed,
    {
        let answer = self.ask_streamed(to, request, wait).await?;
        let body = tokio::time::timeout(wait, body(to, answer, bytes_max));
        body.await.map_err(|_| unreadable(to, "it took too long to send its answer"))?
    }

    /// Same as [`Federation::ask`], and returns the response as a stream, for files.
    pub async fn ask_streamed<R>(&self, to: &ServerName, request: R, wait: Duration) -> Result<RemoteResponse>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        R::Authentication: Signed,
    {
        self.core.check_talks_to(to)?;
        let signed = <R::Authentication as Signed>::input(self, to);
        let request: http::Request<Vec<u8>> = request
            .try_into_http_request("https://to.invalid", signed, ())
            .map_err(|error| Error::fault("writing a request to another server", error))?;
        self.put_through(to, request, wait).await
    }

    /// Sends a request that is serialised, and signed if required.
    pub(super) async fn put_through(
        &self,
        to: &ServerName,
        request: http::Request<impl Into<Bytes>>,
        wait: Duration,
    ) -> Result<RemoteResponse> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let authorization = parts.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let authorization = authorization.map(str::to_owned);
        let method = parts.method.to_string();
        let call = Call { to: to.to_owned(), method, target, authorization, body: body.into(), wait };
        self.network.call(call).await
    }
}

/// The body of a response, at most `bytes_max` bytes, or its error.
pub(super) async fn body(server: &ServerName, answer: RemoteResponse, bytes_max: usize) -> Result<Bytes> {
    body_within(server, answer, bytes_max, None).await
}

async fn body_within(
    server: &ServerName,
    answer: RemoteResponse,
    bytes_max: usize,
    share: Option<&mut AnswerShare<'_>>,
) -> Result<Bytes> {
    let status = answer.status;
    let body = whole_within(answer, bytes_max, share).await?;
    if status >= 400 { Err(refused(server, status, &body)) } else { Ok(body) }
}

/// Reads a body of at most `bytes_max` bytes.
#[boxed]
pub async fn whole(answer: RemoteResponse, bytes_max: usize) -> Result<Bytes> {
    whole_within(answer, bytes_max, None).await
}

async fn whole_within(
    answer: RemoteResponse,
    bytes_max: usize,
    mut share: Option<&mut AnswerShare<'_>>,
) -> Result<Bytes> {
    let (mut body, mut pieces, mut length) = (answer.body, Vec::new(), 0);
    while let Some(piece) = body.next().await {
        let piece = piece?;
        length += piece.len();
        if length > bytes_max {
            return Err(refuse(Reason::ConnectionFailed, format!("The answer is larger than {bytes_max} bytes.")));
        }
        if let Some(share) = &mut share
            && !share.grow(length)
        {
            let message = "Other servers answer more than one request may hold: ask about fewer users at a time.";
            return Err(refuse(Reason::ConnectionFailed, message));
        }
        pieces.push(piece);
    }
    Ok(joined(pieces, length))
}

/// Joins the pieces of a body. Each is freed as soon as it is copied: a buffer that grows would hold large bodies twice.
fn joined(mut pieces: Vec<Bytes>, length: usize) -> Bytes {
    if pieces.len() == 1 {
        return pieces.remove(0);
    }
    let mut whole = BytesMut::with_capacity(length);
    pieces.drain(..).for_each(|piece| whole.extend_from_slice(&piece));
    whole.freeze()
}

pub(super) fn unreadable(server: &ServerName, why: impl std::fmt::Display) -> Error {
    refuse(Reason::ConnectionFailed, format!("{server} could not be understood: {why}."))
}

/// The fields of an error body.
#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    errcode: String,
    #[serde(default)]
    error: String,
    room_version: Option<String>,
}

/// Maps another server's error for the client. Codes about this server and not about the user become `M_UNKNOWN`: a
/// client must not log out because another server returned `M_UNKNOWN_TOKEN`.
pub(super) fn refused(server: &ServerName, status: u16, body: &[u8]) -> Error {
    let Refused { errcode, error, room_version } = serde_json::from_slice(body).unwrap_or_default();
    let reason = match (errcode.as_str(), status) {
        ("M_BAD_JSON", _) => Reason::BadJson,
        ("M_BAD_STATE", _) => Reason::BadState,
        // The other server does not know or could not fetch this server's key: a temporary failure, independent of the
        // request.
        (_, 401) | ("M_UNAUTHORIZED", _) => Reason::NotAuthenticated,
        ("M_FORBIDDEN", _) => Reason::Forbidden,
        ("M_GUEST_ACCESS_FORBIDDEN", _) => Reason::GuestAccessForbidden,
        ("M_INCOMPATIBLE_ROOM_VERSION", _) => Reason::IncompatibleRoomVersion,
        ("M_INVALID_PARAM", _) => Reason::InvalidParam,
        ("M_INVITE_BLOCKED", _) => Reason::InviteBlocked,
        ("M_MISSING_PARAM", _) => Reason::MissingParam,
        ("M_NOT_FOUND", _) => Reason::NotFound,
        ("M_NOT_YET_UPLOADED", _) => Reason::NotYetUploaded,
        ("M_RESOURCE_LIMIT_EXCEEDED", _) => Reason::RoomTooLarge,
        ("M_TOO_LARGE", _) => Reason::TooLarge,
        ("M_UNABLE_TO_AUTHORISE_JOIN", _) => Reason::UnableToAuthoriseJoin,
        ("M_UNABLE_TO_GRANT_JOIN", _) => Reason::UnableToGrantJoin,
        ("M_UNRECOGNIZED", _) => Reason::Unrecognized,
        ("M_UNSUPPORTED_ROOM_VERSION", _) => Reason::UnsupportedRoomVersion,
        (_, 403) => Reason::Forbidden,
        (_, 404) => Reason::NotFound,
        (_, 405) => Reason::Unrecognized,
        (_, 500..) => Reason::ConnectionFailed,
        _ => Reason::Unknown,
    };
    let shown: String = error.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
    let mut refusal = refusal(reason, format!("{server} answered {status} {}: {shown}", clean(&errcode)));
    if let Some(version) =
        room_version.filter(|version| reason == Reason::IncompatibleRoomVersion && version.len() <= 64)
    {
        refusal = refusal.with("room_version", version);
    }
    refusal.into()
}

/// Whether a server's error means that it has nothing for this one. All other errors may pass.
pub(super) fn has_nothing(error: &Error) -> bool {
    matches!(error.reason(), Some(Reason::Forbidden | Reason::NotFound))
}

/// Whether an error means that the server lacks the endpoint. Some servers return it without a Matrix error body.
pub(super) fn is_unknown_endpoint(status: u16, body: &[u8]) -> bool {
    let Refused { errcode, .. } = serde_json::from_slice(body).unwrap_or_default();
    matches!(status, 400 | 404 | 405 | 501) && (errcode.is_empty() || errcode == "M_UNRECOGNIZED")
}

fn clean(errcode: &str) -> &str {
    let is_code = errcode.len() <= 64 && errcode.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    if is_code { errcode } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_logs_no_one_out() {
        let server = ServerName::parse("example.org").expect("a name");
        let error = refused(&server, 401, br#"{"errcode":"M_UNKNOWN_TOKEN","error":"no\u001b[2J"}"#);
        assert_eq!(error.reason(), Some(Reason::NotAuthenticated));
        assert!(error.is_undecided());
        assert_eq!(refused(&server, 403, b"").reason(), Some(Reason::Forbidden));
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        assert_eq!(refused(&server, 404, b"<html>").reason(), Some(Reason::NotFound));
        let vouch = refused(&server, 403, br#"{"errcode":"M_UNABLE_TO_GRANT_JOIN","error":""}"#);
        assert_eq!(vouch.reason(), Some(Reason::UnableToGrantJoin));
        let version = br#"{"errcode":"M_INCOMPATIBLE_ROOM_VERSION","error":"","room_version":"13"}"#;
        let Error::Refusal(version) = refused(&server, 400, version) else { panic!("a refusal") };
        assert_eq!(version.fields["room_version"], "13");
        assert!(is_unknown_endpoint(404, b"<html>") && is_unknown_endpoint(405, br#"{"errcode":"M_UNRECOGNIZED"}"#));
        assert!(!is_unknown_endpoint(404, br#"{"errcode":"M_NOT_FOUND"}"#) && !is_unknown_endpoint(403, b""));
        assert_eq!(refused(&server, 502, b"").reason(), Some(Reason::ConnectionFailed));
    }
}
