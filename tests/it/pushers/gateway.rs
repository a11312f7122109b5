//! A push gateway after the push gateway API, which answers as a test tells it to.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::{Person, json, v3};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the gateway does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Takes the notification.
    Takes,
    /// Answers with a status and a body.
    Says(u16, &'static str),
    /// Redirects.
    Redirects(&'static str),
    /// Rejects the pushkey.
    Rejects,
    /// Closes the connection without an answer.
    Hangs,
    /// Never answers.
    Sleeps,
}

/// Decides on the answer to a notification; the number counts requests from 0.
pub(crate) type Decide = Arc<dyn Fn(&Value, usize) -> Reply + Send + Sync>;

/// A gateway in this process.
pub(crate) struct Gateway {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    decide: parking_lot::Mutex<Decide>,
    /// All requests: the notification, and whether it was taken.
    seen: watch::Sender<Vec<(Value, bool)>>,
}

impl Gateway {
    /// A gateway that takes everything.
    pub(crate) async fn opens() -> Self {
        Self::decides(|_, _| Reply::Takes).await
    }

    /// A gateway with other answers.
    #[expect(clippy::disallowed_methods, reason = "a test's own tasks")]
    pub(crate) async fn decides(decide: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            decide: parking_lot::Mutex::new(Arc::new(decide)),
            seen: watch::Sender::new(Vec::new()),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Self { port, shared, task }
    }

    /// Answers otherwise from now on.
    pub(crate) fn now(&self, decide: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static) {
        *self.shared.decide.lock() = Arc::new(decide);
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/_matrix/push/v1/notify", self.port)
    }

    /// The `host:port` of its URL.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All notifications that it was asked to deliver.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.shared.seen.borrow().iter().map(|(notice, _)| notice.clone()).collect()
    }

    /// The notifications that it has taken.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let taken = |(notice, is_taken): &(Value, bool)| is_taken.then(|| notice.clone());
        self.shared.seen.borrow().iter().filter_map(taken).collect()
    }

    /// The bodies of the messages that it has taken for a pushkey.
    pub(crate) fn bodies(&self, pushkey: &str) -> Vec<String> {
        let of_key = self.taken().into_iter().filter(|notice| notice["devices"][0]["pushkey"] == pushkey);
        of_key.filter_map(|notice| notice["content"]["body"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until something holds of what it has seen.
    pub(crate) async fn sees(&self, what: impl Fn(&Self) -> bool) {
        let mut seen = self.shared.seen.subscribe();
        let waiting = async {
            while !what(self) {
                seen.changed().await.expect("the gateway is open");
            }
        };
        let done = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(done.is_ok(), "the gateway has seen only {:#?}", self.shared.seen.borrow().clone());
    }

    /// Sets a pusher of a user at this gateway.
    pub(crate) async fn notifies(&self, person: &Person, pushkey: &str) {
        person.post(v3!("pushers/set"), self.pusher(pushkey)).await.ok();
    }

    /// A pusher at this gateway.
    pub(crate) fn pusher(&self, pushkey: &str) -> Value {
        json!({
            "pushkey": pushkey, "kind": "http", "app_id": "org.example", "app_display_name": "App",
            "device_display_name": "Phone", "lang": "en", "data": { "url": self.url(), "colour": "red" },
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) {
        while let Some(notice) = request(&mut stream).await {
            let decide = self.decide.lock().clone();
            let reply = decide(&notice, self.seen.borrow().len());
            let answer = match &reply {
                Reply::Takes => (200, r#"{"rejected":[]}"#.to_owned(), String::new()),
                Reply::Says(status, body) => (*status, (*body).to_owned(), String::new()),
                Reply::Redirects(to) => (307, String::new(), format!("location: {to}\r\n")),
                Reply::Rejects => {
                    (200, json!({ "rejected": [notice["devices"][0]["pushkey"]] }).to_string(), String::new())
                }
                Reply::Hangs | Reply::Sleeps => (0, String::new(), String::new()),
            };
            self.seen.send_modify(|seen| seen.push((notice, matches!(reply, Reply::Takes))));
            match reply {
                Reply::Hangs => return,
                Reply::Sleeps => std::future::pending().await,
                _ => {}
            }
            let (status, body, more) = answer;
            let length = body.len();
            let text = format!("HTTP/1.1 {status} x\r\n{more}content-length: {length}\r\n\r\n{body}");
            if stream.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Reads a request; none when the connection ends.
async fn request(stream: &mut TcpStream) -> Option<Value> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head is text").to_ascii_lowercase();
    assert!(head.starts_with("post /_matrix/push/v1/notify http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).await.ok()?;
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    Some(body["notification"].clone())
}
