//! Responses: ruma's types, and the one place that maps refusals and faults to HTTP.

use axum::response::{IntoResponse, Response};
use hearth_base::{Error, Reason, Refusal};
use http::{HeaderValue, StatusCode, header};
use ruma::api::{OutgoingResponse, OutgoingResponseExt};
use serde_json::{Map, Value};

/// An error as a response: a refusal with its Matrix error code, or a fault without details.
#[derive(Debug)]
pub struct Failure(pub Error);

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// A JSON response of our own, for endpoints whose ruma type omits fields that clients rely on.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A handler's return value: a ruma response, or one that is HTTP already. `Kind` keeps the implementations apart.
pub trait Answer<Kind> {
    /// Serialises the response.
    fn into_answer(self) -> Response;
}

/// Marks ruma's response types.
#[derive(Debug)]
pub struct Typed;

/// Marks [`Json`], which is written once and sent as written: answers of `/sync` may be large.
#[derive(Debug)]
pub struct Written;

impl<T: serde::Serialize> Answer<Written> for Json<T> {
    fn into_answer(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
            Err(error) => Failure(Error::fault("writing a response", error)).into_response(),
        }
    }
}

/// Marks responses that are HTTP already: pages, files, and streamed lists.
#[derive(Debug)]
pub struct Whole;

impl<R: OutgoingResponse> Answer<Typed> for R {
    fn into_answer(self) -> Response {
        answer(self)
    }
}

impl Answer<Whole> for Response {
    fn into_answer(self) -> Response {
        self
    }
}

/// Serialises a ruma response.
fn answer(response: impl OutgoingResponse) -> Response {
    match response.try_into_http_response::<Vec<u8>>() {
        Ok(response) => response.map(axum::body::Body::from),
        Err(error) => Failure(Error::fault("writing a response", error)).into_response(),
    }
}

/// The HTTP status and the Matrix error code of a refusal.
#[must_use]
pub fn code(reason: Reason) -> (StatusCode, &'static str) {
    use Reason as R;
    use StatusCode as S;
    match reason {
        R::AliasInUse => (S::CONFLICT, "M_UNKNOWN"),
        R::AlreadyJoined => (S::FORBIDDEN, "M_ALREADY_JOINED"),
        R::BadAlias => (S::BAD_REQUEST, "M_BAD_ALIAS"),
        R::BadJson => (S::BAD_REQUEST, "M_BAD_JSON"),
        R::BadStatus => (S::BAD_GATEWAY, "M_BAD_STATUS"),
        R::BadState => (S::BAD_REQUEST, "M_BAD_STATE"),
        R::CannotLeaveServerNoticeRoom => (S::FORBIDDEN, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM"),
        R::CannotOverwriteMedia => (S::CONFLICT, "M_CANNOT_OVERWRITE_MEDIA"),
        R::CapacityExceeded => (S::SERVICE_UNAVAILABLE, "M_RESOURCE_LIMIT_EXCEEDED"),
        R::ConflictingUnsubscription => (S::CONFLICT, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION"),
        R::ConnectionFailed => (S::BAD_GATEWAY, "M_CONNECTION_FAILED"),
        R::ConnectionTimeout => (S::GATEWAY_TIMEOUT, "M_CONNECTION_TIMEOUT"),
        R::DuplicateAnnotation => (S::BAD_REQUEST, "M_DUPLICATE_ANNOTATION"),
        R::Exclusive => (S::BAD_REQUEST, "M_EXCLUSIVE"),
        R::Forbidden | R::NotAuthenticated => (S::FORBIDDEN, "M_FORBIDDEN"),
        R::GuestAccessForbidden => (S::FORBIDDEN, "M_GUEST_ACCESS_FORBIDDEN"),
        R::IncompatibleRoomVersion => (S::BAD_REQUEST, "M_INCOMPATIBLE_ROOM_VERSION"),
        R::InvalidParam => (S::BAD_REQUEST, "M_INVALID_PARAM"),
        R::InvalidRoomState => (S::BAD_REQUEST, "M_INVALID_ROOM_STATE"),
        R::InvalidSignature => (S::BAD_REQUEST, "M_INVALID_SIGNATURE"),
        R::InviteBlocked => (S::FORBIDDEN, "M_INVITE_BLOCKED"),
        R::InvalidUsername => (S::BAD_REQUEST, "M_INVALID_USERNAME"),
        R::LimitExceeded { .. } => (S::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED"),
        R::MaxDelayExceeded => (S::BAD_REQUEST, "ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED"),
        R::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED"),
        R::MissingParam => (S::BAD_REQUEST, "M_MISSING_PARAM"),
        R::MissingToken => (S::UNAUTHORIZED, "M_MISSING_TOKEN"),
        R::NotFound => (S::NOT_FOUND, "M_NOT_FOUND"),
        R::NotInThread => (S::BAD_REQUEST, "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD"),
        R::NotJson => (S::BAD_REQUEST, "M_NOT_JSON"),
        R::NotYetUploaded => (S::GATEWAY_TIMEOUT, "M_NOT_YET_UPLOADED"),
        R::OutOfSpace => (S::INSUFFICIENT_STORAGE, "M_UNKNOWN"),
        R::ProfileFieldTooLarge => (S::BAD_REQUEST, "M_TOO_LARGE"),
        R::ProfileTooLarge => (S::BAD_REQUEST, "M_PROFILE_TOO_LARGE"),
        R::KeyTooLarge => (S::BAD_REQUEST, "M_KEY_TOO_LARGE"),
        R::RoomInUse => (S::BAD_REQUEST, "M_ROOM_IN_USE"),
        R::RoomTooLarge => (S::BAD_REQUEST, "M_RESOURCE_LIMIT_EXCEEDED"),
        R::ServerControlled => (S::METHOD_NOT_ALLOWED, "M_BAD_JSON"),
        R::ThreepidDenied => (S::FORBIDDEN, "M_THREEPID_DENIED"),
        R::ThreepidMediumNotSupported => (S::BAD_REQUEST, "M_THREEPID_MEDIUM_NOT_SUPPORTED"),
        R::ThreepidNotFound => (S::BAD_REQUEST, "M_THREEPID_NOT_FOUND"),
        R::TooLarge => (S::PAYLOAD_TOO_LARGE, "M_TOO_LARGE"),
        R::UnableToAuthoriseJoin => (S::BAD_REQUEST, "M_UNABLE_TO_AUTHORISE_JOIN"),
        R::UnableToGrantJoin => (S::BAD_REQUEST, "M_UNABLE_TO_GRANT_JOIN"),
        R::Uia | R::Unauthorized => (S::UNAUTHORIZED, "M_UNAUTHORIZED"),
        R::Unavailable => (S::SERVICE_UNAVAILABLE, "M_UNKNOWN"),
        R::Unknown => (S::BAD_REQUEST, "M_UNKNOWN"),
        R::UnknownDevice => (S::BAD_REQUEST, "M_UNKNOWN_DEVICE"),
        R::UnknownPos => (S::BAD_REQUEST, "M_UNKNOWN_POS"),
        R::UnknownToken { .. } => (S::UNAUTHORIZED, "M_UNKNOWN_TOKEN"),
        R::Unrecognized => (S::NOT_FOUND, "M_UNRECOGNIZED"),
        R::UnsupportedRoomVersion => (S::BAD_REQUEST, "M_UNSUPPORTED_ROOM_VERSION"),
        R::UrlNotSet => (S::BAD_REQUEST, "M_URL_NOT_SET"),
        R::UserDeactivated => (S::FORBIDDEN, "M_USER_DEACTIVATED"),
        R::UserInUse => (S::BAD_REQUEST, "M_USER_IN_USE"),
        R::UserLocked => (S::UNAUTHORIZED, "M_USER_LOCKED"),
        R::UserSuspended => (S::FORBIDDEN, "M_USER_SUSPENDED"),
        R::UserLimitExceeded => (S::FORBIDDEN, "M_USER_LIMIT_EXCEEDED"),
        R::WeakPassword => (S::BAD_REQUEST, "M_WEAK_PASSWORD"),
        R::WrongRoomKeysVersion => (S::FORBIDDEN, "M_WRONG_ROOM_KEYS_VERSION"),
    }
}

fn body_of(refusal: Refusal) -> Map<String, Value> {
    let mut body = refusal.fields;
    let (_, errcode) = code(refusal.reason);
    match refusal.reason {
        // User-interactive authentication reports an error only after a failed stage; then the fields contain it.
        Reason::Uia => return body,
        Reason::LimitExceeded { retry_after_ms } => _ = body.insert("retry_after_ms".to_owned(), retry_after_ms.into()),
        Reason::UnknownToken { soft_logout } => _ = body.insert("soft_logout".to_owned(), soft_logout.into()),
        Reason::UserLocked => _ = body.insert("soft_logout".to_owned(), true.into()),
        _ => {}
    }
    body.insert("errcode".to_owned(), errcode.into());
    body.insert("error".to_owned(), refusal.message.into());
    body
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self.0 {
            Error::Refusal(refusal) => {
                let (status, _) = code(refusal.reason);
                let retry = match refusal.reason {
                    Reason::LimitExceeded { retry_after_ms } => Some(HeaderValue::from(retry_after_ms.div_ceil(1_000))),
                    _ => None,
                };
                let mut response = (status, axum::Json(body_of(*refusal))).into_response();
                if let Some(retry) = retry {
                    response.headers_mut().insert(header::RETRY_AFTER, retry);
                }
                response
            }
            Error::Fault(fault) => {
                let body = serde_json::json!({
                    "errcode": "M_UNKNOWN",
                    "error": "Something went wrong on the server; its log has the details under this request's id.",
                });
                let mut response = (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response();
                // The edge logs the fault once, with the request id.
                response.extensions_mut().insert(std::sync::Arc::new(fault));
                response
            }
        }
    }
}
