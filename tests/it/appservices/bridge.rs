//! An application service of the tests: it keeps what it is sent, and answers as it is told.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::{Client, Value, World, json, list};

/// Until when something has to have arrived.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running application service. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(super) address: SocketAddr,
    pub(super) id: &'static str,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

/// A request that it got.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) authorization: String,
    pub(super) body: Value,
    pub(super) status: u16,
}

#[derive(Debug, Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    /// The status of the next answers to transactions; 200 when there are no more.
    statuses: Mutex<Vec<u16>>,
    /// The status of all other answers, when it is not that of the path.
    status: Mutex<Option<u16>>,
    /// What it does before it answers a query.
    creates: Mutex<Option<Creates>>,
}

/// A request to the server, as the service's own user.
#[derive(Debug, Clone)]
pub(super) struct Creates {
    pub(super) client: Client,
    pub(super) path: String,
    pub(super) body: Value,
}

impl Bridge {
    pub(crate) async fn starts(id: &'static str) -> Self {
        Self::starts_at(id, "127.0.0.1:0").await
    }

    pub(super) async fn starts_at(id: &'static str, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::<Seen>::default();
        let router = Router::new().fallback(answer).with_state(seen.clone());
        #[expect(clippy::disallowed_methods, reason = "a test")]
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, id, seen, task }
    }

    /// Its registration, with further fields.
    pub(crate) fn registration(&self, more: &str) -> String {
        let (id, address) = (self.id, self.address);
        format!(
            "id: {id}\nurl: http://{address}\nas_token: as_{id}\nhs_token: hs_{id}\nsender_localpart: {id}bot\n\
             receive_ephemeral: true\norg.matrix.msc3202: true\nprotocols: [{id}]\n{more}\nnamespaces:\n  \
             users: [{{regex: '@{id}_.*', exclusive: true}}]\n  aliases: [{{regex: '#{id}_.*', exclusive: true}}]\n"
        )
    }

    /// A client with its token.
    pub(crate) fn client(&self, world: &World) -> Client {
        world.anyone().with_token(&format!("as_{}", self.id))
    }

    /// Answers the next transactions with these statuses.
    pub(super) fn refuses(&self, statuses: &[u16]) {
        *self.seen.statuses.lock() = statuses.iter().rev().copied().collect();
    }

    pub(super) fn answers_everything_with(&self, status: Option<u16>) {
        *self.seen.status.lock() = status;
    }

    pub(super) fn creates(&self, what: Creates) {
        *self.seen.creates.lock() = Some(what);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().clone()
    }

    /// The transactions that it has accepted, each once.
    pub(super) fn transactions(&self) -> Vec<Asked> {
        let (mut known, mut found) = (HashSet::new(), self.asked());
        found.retain(|asked| {
            asked.line.starts_with("PUT /_matrix/app/v1/transactions/")
                && asked.status == 200
                && known.insert(asked.line.clone())
        });
        found
    }

    /// A list of all accepted transactions, in order.
    pub(crate) fn all(&self, key: &str) -> Vec<Value> {
        self.transactions().iter().flat_map(|asked| list(&asked.body[key]).to_vec()).collect()
    }

    /// The texts of all messages that it has accepted, in order.
    pub(crate) fn messages(&self) -> Vec<String> {
        let events = self.all("events");
        events.iter().filter_map(|event| event["content"]["body"].as_str()).map(str::to_owned).collect()
    }

    /// Waits until something holds.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {:#?}", self.asked());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let line = format!("{} {}", head.method, head.uri);
    let authorization = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorization = authorization.unwrap_or_default().to_owned();
    let path = head.uri.path();
    let is_query = path.contains("/users/") || path.contains("/rooms/");
    let creates = seen.creates.lock().take_if(|_| is_query);
    let created = creates.map(|Creates { client, path, body }| client.post(path, body));
    if let Some(created) = created {
        created.await.ok();
    }
    let mut status = if path.contains("/transactions/") { seen.statuses.lock().pop().unwrap_or(200) } else { 200 };
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let answer = match path {
        _ if path.ends_with("/thirdparty/protocol/irc") => json!({
            "user_fields": ["nick"], "location_fields": [], "icon": "", "field_types": {},
            "instances": [{ "desc": "Libera", "network_id": "libera", "fields": {} }],
        }),
        _ if path.ends_with("/thirdparty/user/irc") => {
            json!([{ "userid": "@irc_x:localhost", "protocol": "irc", "fields": { "nick": "x" } }])
        }
        _ => json!({}),
    };
    status = seen.status.lock().unwrap_or(status);
    seen.asked.lock().push(Asked { line, authorization, body, status });
    (StatusCode::from_u16(status).expect("a status"), axum::Json(answer)).into_response()
}
