//! A minimal LiveKit: verifies tokens like the real one, manages rooms, and echoes messages.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_base::config::{Config, Secret};
use hmac::{Hmac, Mac};
use http::{HeaderMap, StatusCode, header};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::{Value, json};

/// The API key of these tests, in LiveKit's format.
pub(super) const NAME: &str = "devkey";
pub(super) const SECRET: &str = "a-secret-of-at-least-32-characters";

/// A running SFU. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Sfu {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

/// The state of the SFU.
#[derive(Debug, Default)]
struct Seen {
    rooms: Mutex<Vec<String>>,
    calls: Mutex<Vec<String>>,
    /// Participants: room and identity.
    participants: Mutex<Vec<(String, String)>>,
    /// The headers of the last participant's request.
    headers: Mutex<HeaderMap>,
}

/// The claims of a token that LiveKit would accept: signed with HS256 and the right key, valid from and until times
/// that are not far apart.
pub(super) fn claims(token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).ok()?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let (head, body) = signed.split_once('.')?;
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (head, claims) = (read(head)?, read(body)?);
    let lasts_s = claims["exp"].as_u64()?.checked_sub(claims["nbf"].as_u64()?)?;
    (head["alg"] == "HS256" && claims["iss"] == NAME && (1..=3_600).contains(&lasts_s)).then_some(claims)
}

impl Sfu {
    pub(super) async fn starts() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::<Seen>::default();
        let router = Router::new()
            .route("/twirp/livekit.RoomService/{method}", post(service))
            .route("/rtc", get(signal))
            .route("/rtc/validate", get(validate))
            .with_state(seen.clone());
        #[expect(clippy::disallowed_methods, reason = "another program, in this process")]
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, seen, task }
    }

    /// Adds the SFU to a configuration.
    pub(super) fn is_named_in(&self, config: &mut Config) {
        config.livekit.address = Some(format!("ws://{}", self.address).parse().expect("an address"));
        config.livekit.key = Some(Secret::new(format!("{NAME}: {SECRET}")));
    }

    /// The rooms that were created, in order.
    pub(super) fn rooms(&self) -> Vec<String> {
        self.seen.rooms.lock().clone()
    }

    /// The requests to its API.
    pub(super) fn calls(&self) -> Vec<String> {
        self.seen.calls.lock().clone()
    }

    /// Adds a participant to a room.
    pub(super) fn has(&self, room: &str, identity: &str) {
        self.seen.participants.lock().push((room.to_owned(), identity.to_owned()));
    }

    /// Removes a participant from all rooms.
    pub(super) fn loses(&self, identity: &str) {
        self.seen.participants.lock().retain(|(_, who)| who != identity);
    }

    /// A header of the last participant's request.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.seen.headers.lock().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }
}

impl Drop for Sfu {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn twirp(status: u16, code: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, Json(json!({ "code": code, "msg": "no" }))).into_response()
}

async fn service(
    State(seen): State<Arc<Seen>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(claims) = token.and_then(claims) else { return twirp(401, "unauthenticated") };
    let (video, asked) = (&claims["video"], serde_json::from_slice::<Value>(&body).expect("JSON"));
    let may = match method.as_str() {
        "CreateRoom" => video["roomCreate"] == true,
        "ListRooms" => video["roomList"] == true,
        _ => video["roomAdmin"] == true && video["room"] == asked["room"],
    };
    if !may {
        return twirp(403, "permission_denied");
    }
    if method == "CreateRoom" {
        seen.rooms.lock().push(asked["name"].as_str().expect("a name").to_owned());
    }
    seen.calls.lock().push(method);
    let participants = seen.participants.lock();
    let there = participants.iter().filter(|(room, _)| asked["room"] == **room);
    let there: Vec<Value> = there.map(|(_, identity)| json!({ "identity": identity })).collect();
    Json(json!({ "rooms": [], "participants": there })).into_response()
}

/// The claims of a request's token, or why it is refused.
fn who(seen: &Seen, query: &BTreeMap<String, String>) -> Result<Value, (StatusCode, &'static str)> {
    let claims = query.get("access_token").and_then(|token| claims(token));
    let claims = claims.ok_or((StatusCode::UNAUTHORIZED, "invalid token"))?;
    let room = claims["video"]["room"].as_str().unwrap_or_default();
    if claims["video"]["roomJoin"] != true || !seen.rooms.lock().iter().any(|made| made == room) {
        return Err((StatusCode::NOT_FOUND, "requested room does not exist"));
    }
    Ok(claims)
}

async fn validate(State(seen): State<Arc<Seen>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    who(&seen, &query).map(|_| "success").into_response()
}

async fn signal(
    State(seen): State<Arc<Seen>>,
    Query(query): Query<BTreeMap<String, String>>,
    mut request: Request,
) -> Response {
    if let Err(refused) = who(&seen, &query) {
        return refused.into_response();
    }
    *seen.headers.lock() = request.headers().clone();
    let upgrade = hyper::upgrade::on(&mut request);
    #[expect(clippy::disallowed_methods, reason = "another program, in this process")]
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.expect("it goes on"));
        let mut piece = [0; 1_024];
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            if stream.write_all(&piece[..read]).await.is_err() {
                return;
            }
        }
    });
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, "websocket".parse().expect("a value"));
    headers.insert(header::CONNECTION, "Upgrade".parse().expect("a value"));
    // Not a real WebSocket handshake, but enough to see that both headers arrive.
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key.expect("a key"));
    response
}
