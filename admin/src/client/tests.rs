//! The client against a minimal server on a socket in a temporary directory.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;

use super::*;
use crate::wire::{Done, LoggedOut, SetLocked, paths};

#[expect(clippy::disallowed_methods, reason = "the fake server ends with the runtime of its test")]
fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a fresh directory");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a whole request").to_bytes();
    let (status, text) = match (parts.method.as_str(), parts.uri.path()) {
        ("POST", "/api/v1/users/%40a%3Ah/logout") => (200, r#"{"devices":3,"new_field":1}"#),
        ("PUT", "/api/v1/users/%40a%3Ah/locked") if &body[..] == br#"{"locked":true}"# => (200, "{}"),
        ("DELETE", "/api/v1/registration-tokens/x") => {
            (404, r#"{"error":{"code":"token_not_found","message":"No token \u001b[31mx.","remedy":"List them."}}"#)
        }
        ("GET", "/api/v1/jobs") => (200, "[]"),
        _ => (500, "<html>"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    Ok(response)
}

#[tokio::test]
async fn responses_and_errors_are_parsed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let socket = dir.path().join("admin.sock");
    serve(&socket);
    let client = Client::new(&socket);

    let out: LoggedOut = client.post(&paths::user_logout("@a:h"), &Done {}).await.expect("an answer");
    assert_eq!(out.devices, 3);
    let _: Done = client.put(&paths::user_locked("@a:h"), &SetLocked { locked: true }).await.expect("an answer");

    let refused = client.delete::<Done>(&paths::registration_token("x")).await.expect_err("a refusal");
    assert_eq!(refused.kind, ErrorKind::Refused("token_not_found".to_owned()));
    assert_eq!(refused.to_string(), "No token \\u{1b}[31mx. List them.");
    assert!(!refused.is_down());

    let odd = client.get::<Done>("/elsewhere").await.expect_err("not JSON");
    assert_eq!(odd.kind, ErrorKind::Refused("http_500".to_owned()));
    let odd = client.get::<crate::wire::Status>(paths::JOBS).await.expect_err("another shape");
    assert_eq!(odd.kind, ErrorKind::Unreadable);
}

#[tokio::test]
async fn a_missing_socket_has_a_remedy() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let socket = dir.path().join("none.sock");
    let error = Client::new(&socket).get::<Done>(paths::STATUS).await.expect_err("no listener");
    assert_eq!(error.kind, ErrorKind::NotRunning);
    assert!(error.what.starts_with("Is the server running? There is no socket at "), "{error}");

    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a fresh directory"));
    let error = Client::new(&socket).get::<Done>(paths::STATUS).await.expect_err("no listener");
    assert_eq!(error.kind, ErrorKind::NotRunning);
    assert!(error.what.contains("has stopped"), "{error}");
}

#[test]
fn a_forbidden_socket_names_its_group() {
    let cause = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error = error::unreachable(Path::new("/run/none/admin.sock"), &cause);
    assert_eq!(error.kind, ErrorKind::NotAllowed);
    assert!(error.remedy.contains("sudo") && error.remedy.contains("`admin.group`"), "{error}");
    let remedy = error::access_by(Some("family"));
    assert!(remedy.contains("group `family` with `sudo usermod -aG family $USER`"), "{remedy}");
    assert!(!error::access_by(Some("root")).contains("usermod"));
}
