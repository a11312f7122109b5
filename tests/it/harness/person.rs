//! A user with an account, at one device.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{Answer, Ask, Client, v3};

/// The password of all users.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A logged-in user. Sends requests with its token: `alice.get(v3!("account/whoami"))`.
#[derive(Debug)]
pub(crate) struct Person {
    client: Client,
    pub(crate) id: String,
    pub(crate) device: String,
    pub(crate) token: String,
    transactions: AtomicU64,
}

impl Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl AsRef<str> for Person {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

impl Person {
    /// The user that a response to `/register` or `/login` has logged in.
    pub(crate) fn from_login(client: &Client, answer: &Value) -> Self {
        let text = |field: &str| answer[field].as_str().expect("a log-in says this").to_owned();
        let token = text("access_token");
        Self {
            client: client.with_token(&token),
            id: text("user_id"),
            device: text("device_id"),
            token,
            transactions: AtomicU64::new(0),
        }
    }

    /// Registers an account on a server with open registration.
    pub(crate) async fn registers(client: &Client, name: &str) -> Self {
        let body = json!({ "username": name, "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
        Self::from_login(client, &client.post(v3!("register"), body).await.ok())
    }

    /// Registers with a registration token. Returns the first answer that is not the challenge with the next stage.
    pub(crate) async fn registers_with_token(client: &Client, name: &str, token: &str) -> Answer {
        let register = |proof: Value| {
            client.post(v3!("register"), json!({ "username": name, "password": PASSWORD, "auth": proof }))
        };
        let answer = register(json!({ "type": "m.login.registration_token", "token": token })).await;
        let challenge = answer.json();
        if answer.status != 401 || challenge["completed"] != json!(["m.login.registration_token"]) {
            return answer;
        }
        register(json!({ "type": "m.login.dummy", "session": challenge["session"] })).await
    }

    /// Logs in with the usual password, at a new device.
    pub(crate) async fn logs_in(client: &Client, name: &str) -> Self {
        Self::from_login(client, &Self::login(client, name, PASSWORD).await.ok())
    }

    /// A login request.
    pub(crate) fn login(client: &Client, name: &str, password: &str) -> Ask {
        let who = json!({ "type": "m.id.user", "user": name });
        client.post(v3!("login"), json!({ "type": "m.login.password", "identifier": who, "password": password }))
    }

    /// Logs in the same user at another device.
    pub(crate) async fn at_another_device(&self) -> Self {
        Self::logs_in(&self.client, &self.id).await
    }

    /// The localpart of the user id.
    pub(crate) fn name(&self) -> &str {
        self.id[1..].split(':').next().expect("a split has a first part")
    }

    /// A transaction id that this device has not used.
    pub(crate) fn fresh_transaction(&self) -> String {
        format!("t{}", self.transactions.fetch_add(1, Ordering::Relaxed))
    }

    /// An `auth` object with the password, for user-interactive authentication.
    pub(crate) fn proof(&self, session: Option<&Value>) -> Value {
        let mut proof = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": self.id },
            "password": PASSWORD,
        });
        if let Some(session) = session {
            proof["session"] = session.clone();
        }
        proof
    }
}
