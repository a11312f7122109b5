//! Reading: `/sync` and `/messages`.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde_json::Value;

use super::{Person, Room, Seen, list, v3};

/// A `/sync` request that is sent when it is awaited.
#[derive(Debug)]
#[must_use = "nothing is asked until this is awaited"]
pub(crate) struct Syncing<'a> {
    person: &'a Person,
    query: Vec<(&'static str, String)>,
}

/// A page of a room's history.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) chunk: Vec<Value>,
    /// The token of the next page; `None` at the end.
    pub(crate) end: Option<String>,
}

/// A `/messages` request that is sent when it is awaited.
#[derive(Debug)]
#[must_use = "nothing is asked until this is awaited"]
pub(crate) struct Paging<'a> {
    person: &'a Person,
    room: &'a Room,
    query: Vec<(&'static str, String)>,
}

impl Person {
    /// A `/sync` that does not wait.
    pub(crate) fn syncs(&self) -> Syncing<'_> {
        Syncing { person: self, query: Vec::new() }
    }

    /// `/messages`, newest first.
    pub(crate) fn reads_back<'a>(&'a self, room: &'a Room) -> Paging<'a> {
        Paging { person: self, room, query: vec![("dir", "b".to_owned())] }
    }

    /// `/messages`, oldest first.
    pub(crate) fn reads_forward<'a>(&'a self, room: &'a Room) -> Paging<'a> {
        Paging { person: self, room, query: vec![("dir", "f".to_owned())] }
    }

    /// Everything that the user may read of a room, oldest first, fetched page by page.
    pub(crate) async fn reads_all_of(&self, room: &Room) -> Vec<Value> {
        let (mut events, mut from) = (Vec::new(), None::<String>);
        loop {
            let paging = self.reads_back(room).limit(100);
            let page = match &from {
                Some(from) => paging.from(from).await,
                None => paging.await,
            };
            events.extend(page.chunk);
            if page.end.is_none() {
                events.reverse();
                return events;
            }
            assert_ne!(page.end, from, "a page leads to itself");
            from = page.end;
        }
    }
}

impl Syncing<'_> {
    /// An incremental sync from this token.
    pub(crate) fn since(self, token: &str) -> Self {
        self.with("since", token)
    }

    /// Waits up to this long for changes.
    pub(crate) fn waiting_ms(self, ms: u64) -> Self {
        self.with("timeout", &ms.to_string())
    }

    pub(crate) fn filter(self, filter: &Value) -> Self {
        self.with("filter", &filter.to_string())
    }

    pub(crate) fn full_state(self) -> Self {
        self.with("full_state", "true")
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.query.push((name, value.to_owned()));
        self
    }
}

impl<'a> IntoFuture for Syncing<'a> {
    type Output = Seen;
    type IntoFuture = Pin<Box<dyn Future<Output = Seen> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let query: Vec<_> = self.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            Seen(self.person.get(v3!("sync")).query(&query).await.ok())
        })
    }
}

impl Paging<'_> {
    pub(crate) fn from(mut self, token: &str) -> Self {
        self.query.push(("from", token.to_owned()));
        self
    }

    pub(crate) fn to(mut self, token: &str) -> Self {
        self.query.push(("to", token.to_owned()));
        self
    }

    pub(crate) fn limit(mut self, events: u64) -> Self {
        self.query.push(("limit", events.to_string()));
        self
    }

    pub(crate) fn filter(mut self, filter: &Value) -> Self {
        self.query.push(("filter", filter.to_string()));
        self
    }
}

impl<'a> IntoFuture for Paging<'a> {
    type Output = Page;
    type IntoFuture = Pin<Box<dyn Future<Output = Page> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let query: Vec<_> = self.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let whole = self.person.get(v3!("rooms/{}/messages", self.room)).query(&query).await.ok();
            let end = whole["end"].as_str().map(str::to_owned);
            Page { chunk: list(&whole["chunk"]).to_vec(), end }
        })
    }
}
