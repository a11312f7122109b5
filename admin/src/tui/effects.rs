//! Executes the effects that the state requests. Each request runs in a task of its own, so that a slow
//! response never delays a key press.

use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::client::{Client, ClientError};
use crate::wire::{
    CreatedUser, DeactivateUser, Done, JobList, LoggedOut, NewPassword, PasswordSet, RegistrationTokenList,
    RelayCheckList, RelayEnded, SetAdmin, SetLocked, paths,
};

use super::message::{Change, Load, Loaded, Message, Outcome};

/// How long to wait on exit for changes in progress.
const FINISH_WAIT: Duration = Duration::from_secs(5);

/// Sends requests for one dashboard. Dropping it aborts them.
pub(super) struct Worker {
    client: Client,
    messages: Sender<Message>,
    reads: JoinSet<()>,
    changes: JoinSet<()>,
    /// The pending long poll of the log. A new one replaces it.
    log: Option<AbortHandle>,
}

impl Worker {
    /// Creates a worker that sends results to `messages`.
    pub(super) fn new(client: Client, messages: Sender<Message>) -> Self {
        Self { client, messages, reads: JoinSet::new(), changes: JoinSet::new(), log: None }
    }

    /// Starts to load something.
    pub(super) fn load(&mut self, load: Load) {
        let (client, messages) = (self.client.clone(), self.messages.clone());
        let is_log = matches!(load, Load::Log { .. });
        forget_finished(&mut self.reads);
        let task = self.reads.spawn(async move {
            let message = match read(&client, &load).await {
                Ok(loaded) => Message::Loaded(loaded),
                Err(error) => Message::LoadFailed(load, error),
            };
            // Fails only if the dashboard has ended.
            let _ = messages.send(message).await;
        });
        if is_log && let Some(before) = self.log.replace(task) {
            before.abort();
        }
    }

    /// Starts a change.
    pub(super) fn change(&mut self, change: Change) {
        let (client, messages) = (self.client.clone(), self.messages.clone());
        forget_finished(&mut self.changes);
        self.changes.spawn(async move {
            let result = apply(&client, &change).await;
            let _ = messages.send(Message::Changed(change, result)).await;
        });
    }

    /// Waits up to [`FINISH_WAIT`] for changes in progress, so that a change that was confirmed before quitting
    /// still reaches the server.
    pub(super) async fn finish(&mut self) {
        let arrived = async { while self.changes.join_next().await.is_some() {} };
        let _ = timeout(FINISH_WAIT, arrived).await;
    }
}

fn forget_finished(tasks: &mut JoinSet<()>) {
    while tasks.try_join_next().is_some() {}
}

async fn read(client: &Client, load: &Load) -> Result<Loaded, ClientError> {
    Ok(match load {
        Load::Status => Loaded::Status(client.get(paths::STATUS).await?),
        Load::Jobs => Loaded::Jobs(client.get::<JobList>(paths::JOBS).await?.items),
        Load::Users { query, ticket } => {
            Loaded::Users { page: client.get(&paths::users(query)).await?, ticket: *ticket }
        }
        Load::User(id) => Loaded::User(client.get(&paths::user(id)).await?),
        Load::Rooms { query, ticket } => {
            Loaded::Rooms { page: client.get(&paths::rooms(query)).await?, ticket: *ticket }
        }
        Load::Room(id) => Loaded::Room(client.get(&paths::room(id)).await?),
        Load::Tokens { ticket } => {
            let list: RegistrationTokenList = client.get(paths::REGISTRATION_TOKENS).await?;
            Loaded::Tokens { items: list.items, ticket: *ticket }
        }
        Load::Log { query, ticket } => Loaded::Log { page: client.get(&paths::log(query)).await?, ticket: *ticket },
        Load::Servers { query, ticket } => {
            Loaded::Servers { page: client.get(&paths::destinations(query)).await?, ticket: *ticket }
        }
        Load::Server(name) => Loaded::Server(client.get(&paths::destination(name)).await?),
        Load::Relay => Loaded::Relay(client.get(paths::RELAY).await?),
        Load::RelayTest => {
            let list: RelayCheckList = client.post(paths::RELAY_TEST, &Done {}).await?;
            Loaded::RelayTest(list.items)
        }
    })
}

async fn apply(client: &Client, change: &Change) -> Result<Outcome, ClientError> {
    match change {
        Change::CreateUser(user) => {
            let made: CreatedUser = client.post(paths::USERS, user).await?;
            Ok(Outcome::Password { user: made.user_id, password: made.password })
        }
        Change::ResetPassword { user, logout_devices } => {
            let body = NewPassword { password: None, logout_devices: *logout_devices };
            let set: PasswordSet = client.post(&paths::user_password(user), &body).await?;
            Ok(Outcome::Password { user: user.clone(), password: set.password })
        }
        Change::SetLocked { user, locked } => {
            done(client.put(&paths::user_locked(user), &SetLocked { locked: *locked }).await)
        }
        Change::SetAdmin { user, admin } => {
            done(client.put(&paths::user_admin(user), &SetAdmin { admin: *admin }).await)
        }
        Change::LogoutEverywhere { user } => {
            let out: LoggedOut = client.post(&paths::user_logout(user), &Done {}).await?;
            Ok(Outcome::LoggedOut { devices: out.devices })
        }
        Change::Deactivate { user, erase } => {
            done(client.post(&paths::user_deactivate(user), &DeactivateUser { erase: *erase }).await)
        }
        Change::CreateToken(token) => Ok(Outcome::Token(client.post(paths::REGISTRATION_TOKENS, token).await?)),
        Change::RevokeToken(token) => done(client.delete(&paths::registration_token(token)).await),
        Change::RetryServer(name) => Ok(Outcome::Server(client.post(&paths::destination_retry(name), &Done {}).await?)),
        Change::Disconnect { id, .. } => done(client.delete(&paths::relay_allocation(id)).await),
        Change::DisconnectAll { user } => {
            let ended: RelayEnded = client.delete(&paths::relay_user(user)).await?;
            Ok(Outcome::Disconnected { allocations: ended.allocations })
        }
    }
}

fn done(answer: Result<Done, ClientError>) -> Result<Outcome, ClientError> {
    answer.map(|Done {}| Outcome::Done)
}
