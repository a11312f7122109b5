//! Requests: an HTTP request as data, with the function that its answer is given to.
//!
//! A screen writes `Http::get(path).then(Self::arrived)`. The answer is parsed in the task of the request; the function
//! changes the screen later, in `update`. Nothing here knows any request of any screen.

use std::marker::PhantomData;

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{self, ClientError};

use super::screen::{Context, Screen, ScreenId, apply};
use super::state::State;

/// A request without a use for its answer yet.
pub(crate) struct Http {
    method: Method,
    path: String,
    body: Result<Option<Vec<u8>>, ClientError>,
}

impl Http {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: Ok(None) }
    }

    pub(crate) fn post<B: Serialize + ?Sized>(path: impl Into<String>, body: &B) -> Self {
        Self { method: Method::POST, path: path.into(), body: client::encode(body).map(Some) }
    }

    pub(crate) fn put<B: Serialize + ?Sized>(path: impl Into<String>, body: &B) -> Self {
        Self { method: Method::PUT, path: path.into(), body: client::encode(body).map(Some) }
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, path: path.into(), body: Ok(None) }
    }

    /// Gives the answer, parsed as `T`, to a function of the screen.
    pub(crate) fn then<S, T>(self, then: impl FnOnce(&mut S, T, &mut Context<'_, S>) + Send + 'static) -> Request<S>
    where
        S: Screen,
        T: DeserializeOwned + Send + 'static,
    {
        let path = self.path.clone();
        let read = move |bytes: &[u8]| -> Result<Then<S>, ClientError> {
            let answer: T = client::decode(&path, bytes)?;
            Ok(Box::new(move |screen: &mut S, cx: &mut Context<'_, S>| then(screen, answer, cx)))
        };
        Request { http: self, read: Box::new(read), failed: None, screen: PhantomData }
    }
}

/// What an answer does to its screen.
pub(crate) type Then<S> = Box<dyn FnOnce(&mut S, &mut Context<'_, S>) + Send>;
/// What a failure does to its screen.
pub(crate) type Failed<S> = Box<dyn FnOnce(&mut S, &ClientError, &mut Context<'_, S>) + Send>;

/// Parses an answer, and says what it does.
type Read<S> = Box<dyn FnOnce(&[u8]) -> Result<Then<S>, ClientError> + Send>;

/// A request of a screen.
pub(crate) struct Request<S> {
    http: Http,
    read: Read<S>,
    failed: Option<Failed<S>>,
    screen: PhantomData<fn(S)>,
}

impl<S: Screen> Request<S> {
    /// What to do with a failure. By default a refusal is shown as a notice.
    pub(crate) fn or_else(
        mut self,
        failed: impl FnOnce(&mut S, &ClientError, &mut Context<'_, S>) + Send + 'static,
    ) -> Self {
        self.failed = Some(Box::new(failed));
        self
    }

    /// The path with its query.
    pub(super) fn path(&self) -> &str {
        &self.http.path
    }

    /// Forgets the type of the screen. `ticket` is the name and generation of a load, absent for a change.
    pub(super) fn into_call(self, id: ScreenId, ticket: Option<(&'static str, u64)>) -> Call {
        let Self { http, read, failed, .. } = self;
        let finish = move |answer: Result<Bytes, ClientError>| {
            let then = answer.and_then(|bytes| read(&bytes));
            let error = then.as_ref().err().cloned();
            Answer { error, apply: Box::new(move |state: &mut State| apply(state, id, ticket, then, failed)) }
        };
        let slot = ticket.map(|(name, _)| (Some(id), name));
        Call { http, slot, finish: Box::new(finish) }
    }
}

/// A request for the worker to send.
pub(crate) struct Call {
    http: Http,
    /// A newer call with the same slot aborts this one. `None` for a change, which is never aborted.
    slot: Option<CallSlot>,
    finish: Box<dyn FnOnce(Result<Bytes, ClientError>) -> Answer + Send>,
}

/// The owner of a load (`None`: no screen), and its name.
pub(crate) type CallSlot = (Option<ScreenId>, &'static str);

/// The parsed answer of a call.
pub(crate) struct Answer {
    /// Why there is none.
    pub(crate) error: Option<ClientError>,
    /// Changes the owner of the call. Does nothing if the answer is outdated.
    pub(crate) apply: Box<dyn FnOnce(&mut State) + Send>,
}

impl Call {
    /// A load that no screen owns.
    pub(super) fn shared<T: DeserializeOwned + Send + 'static>(
        name: &'static str,
        path: &str,
        generation: u64,
        then: fn(&mut State, T),
    ) -> Self {
        let http = Http::get(path);
        let path = path.to_owned();
        let finish = move |answer: Result<Bytes, ClientError>| {
            let value: Result<T, ClientError> = answer.and_then(|bytes| client::decode(&path, &bytes));
            let error = value.as_ref().err().cloned();
            let apply = move |state: &mut State| {
                if !state.shared.pending.end(name, generation) {
                    return;
                }
                match value {
                    Ok(value) => then(state, value),
                    Err(error) if error.is_down() => {}
                    Err(error) => state.shared.notify_error(error.to_string()),
                }
            };
            Answer { error, apply: Box::new(apply) }
        };
        Self { http, slot: Some((None, name)), finish: Box::new(finish) }
    }

    pub(super) fn slot(&self) -> Option<CallSlot> {
        self.slot
    }

    /// Whether it changes something on the server.
    pub(super) fn is_change(&self) -> bool {
        self.slot.is_none()
    }

    /// Sends the request and parses the answer.
    pub(super) async fn send(self, client: &client::Client) -> Answer {
        let Http { method, path, body } = self.http;
        let answer = match body {
            Ok(body) => client.send(method, &path, body).await,
            Err(error) => Err(error),
        };
        (self.finish)(answer)
    }

    /// Method and path, then the body, if there is one.
    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        let body = self.http.body.as_ref().ok().and_then(Option::as_deref).map(String::from_utf8_lossy);
        let body = body.filter(|body| body != "{}").map_or_else(String::new, |body| format!(" {body}"));
        format!("{} {}{body}", self.http.method, self.http.path)
    }

    /// The answer to this call, without sending it.
    #[cfg(test)]
    pub(super) fn answered(self, answer: Result<Vec<u8>, ClientError>) -> Answer {
        (self.finish)(answer.map(Bytes::from))
    }
}

/// The loads that a screen waits for.
///
/// A load has a name. A second one with the same name replaces the first, whose answer is then dropped. The same
/// request is not sent again while it is pending, so a slow server gets no pile of equal requests.
#[derive(Default)]
pub(crate) struct Pending {
    loads: Vec<Load>,
    generation: u64,
}

struct Load {
    name: &'static str,
    generation: u64,
    /// `None` if its answer may be older than a change.
    path: Option<String>,
}

impl Pending {
    /// Registers a load and returns its generation. `None` if this very request is pending.
    pub(super) fn begin(&mut self, name: &'static str, path: &str) -> Option<u64> {
        if self.loads.iter().any(|load| load.name == name && load.path.as_deref() == Some(path)) {
            return None;
        }
        self.loads.retain(|load| load.name != name);
        self.generation += 1;
        self.loads.push(Load { name, generation: self.generation, path: Some(path.to_owned()) });
        Some(self.generation)
    }

    /// Ends a load. Returns `false` if a newer one has replaced it.
    pub(super) fn end(&mut self, name: &str, generation: u64) -> bool {
        let before = self.loads.len();
        self.loads.retain(|load| load.name != name || load.generation != generation);
        self.loads.len() < before
    }

    /// Whether a load with this name is pending.
    pub(super) fn is_waiting(&self, name: &str) -> bool {
        self.loads.iter().any(|load| load.name == name)
    }

    /// After a change: what is pending may have been read before it, so the same request is sent again.
    pub(super) fn outdate(&mut self) {
        self.loads.iter_mut().for_each(|load| load.path = None);
    }
}

#[cfg(test)]
mod tests {
    use super::Pending;

    #[test]
    fn a_newer_load_replaces_an_older_one() {
        let mut pending = Pending::default();
        let first = pending.begin("rows", "/a").expect("nothing is pending");
        assert_eq!(pending.begin("rows", "/a"), None, "the same request is pending");
        let second = pending.begin("rows", "/b").expect("another request");
        let detail = pending.begin("detail", "/a").expect("another name");
        assert!(!pending.end("rows", first), "outdated");
        assert!(pending.is_waiting("rows"));
        assert!(pending.end("rows", second) && pending.end("detail", detail));
        assert!(!pending.end("rows", second), "only once");
        pending.begin("rows", "/a").expect("nothing is pending");
        pending.outdate();
        assert!(pending.begin("rows", "/a").is_some(), "the pending answer may be older than the change");
    }
}
