//! `/keys/query` for remote users.

use hearth_base::boxed;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use hearth_base::limits::federation::DEVICE_LIST_ROWS_PER_WRITE_MAX;
use hearth_base::{Position, Result};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_users::crypto::LocalKeys;
use hearth_users::crypto::keys::{KeysQuery, Queried};
use hearth_users::crypto::remote::{self, RemoteList};
use ruma::{OwnedServerName, OwnedUserId, ServerName};

use super::{SERVERS_AT_ONCE_MAX, failure};
use crate::answer_budget::AnswerBudget;
use crate::{Federation, request};

impl Federation {
    /// Queries other servers for unknown keys of their users, as the requester may see them; concurrently, for at most
    /// `wait`. Servers that do not answer, or with more than
    /// what is left of [`hearth_base::limits::REMOTE_KEYS_BYTES_MAX`], are listed in the failures.
    #[boxed]
    pub async fn query_remote_keys(&self, who: &Requester, query: KeysQuery, wait: Option<Duration>) -> Queried {
        let mut queried = Queried::default();
        let mut servers: BTreeMap<OwnedServerName, KeysQuery> = BTreeMap::new();
        for (user, wanted) in query {
            servers.entry(user.server_name().to_owned()).or_default().insert(user, wanted);
        }
        let budget = &AnswerBudget::keys();
        let asked = stream::iter(servers).map(|(server, query)| async move {
            let wait = self.patience(&server, wait);
            let answer = tokio::time::timeout(wait, self.query_server(who, &server, query, (wait, budget))).await;
            (answer.unwrap_or_else(|_| Err(request::unreadable(&server, "it took too long to answer"))), server)
        });
        let mut asked = Box::pin(asked.buffer_unordered(SERVERS_AT_ONCE_MAX));
        while let Some((answer, server)) = asked.next().await {
            match answer {
                Ok(more) => queried.join(more),
                Err(error) => {
                    tracing::debug!(%server, %error, "Failed to query device keys from a server.");
                    queried.failures.insert(server.to_string(), failure(&error));
                }
            }
        }
        queried
    }

    /// The part of a query for one server.
    async fn query_server(
        &self,
        who: &Requester,
        server: &ServerName,
        mut query: KeysQuery,
        (wait, budget): (Duration, &AnswerBudget),
    ) -> Result<Queried> {
        let turn = self.asking.take(server.to_owned()).await;
        let mut queried = Queried::default();
        if turn.waited {
            queried = LocalKeys::of(&self.parts.crypto).query_keys(who, query).await?;
            query = std::mem::take(&mut queried.elsewhere);
        }
        if query.is_empty() {
            return Ok(queried);
        }
        let asked = self.core.store.position();
        let lists = self.device_lists(server, query.keys().cloned().collect(), wait, budget).await?;
        let lists = Arc::new(lists);
        self.keep_lists(lists.clone(), asked).await?;
        let mut kept = LocalKeys::of(&self.parts.crypto).query_keys(who, query).await?;
        for (user, wanted) in std::mem::take(&mut kept.elsewhere) {
            if let Some(list) = lists.get(&user) {
                kept.add(&user, &wanted, list)?;
            }
        }
        queried.join(kept);
        Ok(queried)
    }

    /// Stores lists, many devices in several writes. Each list is whole, and a reader of one does not need the others.
    async fn keep_lists(&self, lists: Arc<BTreeMap<OwnedUserId, RemoteList>>, asked: Position) -> Result<()> {
        let mut users = lists.keys().cloned().collect::<VecDeque<_>>();
        while !users.is_empty() {
            let (core, lists, piece) = (self.core.clone(), lists.clone(), next_piece(&lists, &mut users));
            let keep = move |tx: &mut WriteTx<'_>| {
                let piece = piece.iter().filter_map(|user| lists.get_key_value(user));
                remote::keep(&core, tx, piece, asked)
            };
            self.core.store.write("device_lists_keep", keep).await?;
        }
        Ok(())
    }
}

/// Takes the users of the next write: at least one, and devices as [`DEVICE_LIST_ROWS_PER_WRITE_MAX`] allows.
fn next_piece(lists: &BTreeMap<OwnedUserId, RemoteList>, users: &mut VecDeque<OwnedUserId>) -> Vec<OwnedUserId> {
    let (mut piece, mut rows) = (Vec::new(), 0);
    while let Some(user) = users.front() {
        rows += 1 + lists.get(user).map_or(0, RemoteList::devices_count);
        if !piece.is_empty() && rows > DEVICE_LIST_ROWS_PER_WRITE_MAX {
            break;
        }
        piece.extend(users.pop_front());
    }
    piece
}
