//! Proxies clients to an SFU that they cannot reach directly: one on this server's host, without a certificate. Only
//! the signalling WebSocket passes here; audio and video take another path.

use hearth_base::boxed;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::ports::{RemoteResponse, Switched};
use http::{HeaderMap, header};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::issued::IssuedSeat;
use super::{Rtc, nothing_here};

/// Timeout for the SFU's response.
const WAIT: Duration = Duration::from_secs(15);

/// Counts proxied connections, in total and per user.
#[derive(Debug)]
pub(super) struct SignallingPermits {
    all: Arc<Semaphore>,
    of_each: Arc<Mutex<HashMap<String, usize>>>,
}

impl Default for SignallingPermits {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(limits::RTC_PASSAGES_MAX)), of_each: Arc::default() }
    }
}

/// A proxied connection's permit; dropping it releases the capacity.
#[derive(Debug)]
pub struct SignallingPermit {
    who: String,
    of_each: Arc<Mutex<HashMap<String, usize>>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for SignallingPermit {
    fn drop(&mut self) {
        let mut of_each = self.of_each.lock();
        if let Some(count) = of_each.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                of_each.remove(&self.who);
            }
        }
    }
}

impl SignallingPermits {
    /// Refuses with `M_LIMIT_EXCEEDED` when there are too many connections, of this user or in total.
    fn enter(&self, who: String) -> Result<SignallingPermit> {
        let busy = |message| refuse(Reason::LimitExceeded { retry_after_ms: 5_000 }, message);
        let place = Arc::clone(&self.all).try_acquire_owned();
        let place = place.map_err(|_| busy("There are too many calls on this server; try again later."))?;
        let mut of_each = self.of_each.lock();
        let count = of_each.entry(who.clone()).or_default();
        if *count >= limits::RTC_PASSAGES_PER_USER_MAX {
            return Err(busy("You are in too many calls; leave one first."));
        }
        *count += 1;
        drop(of_each);
        Ok(SignallingPermit { who, of_each: Arc::clone(&self.of_each), _place: place })
    }
}

impl Rtc {
    /// Asks the SFU to switch to WebSocket: `target` is the path below [`super::PASSAGE_PATH`] with its query;
    /// `headers` are the client's headers for the SFU.
    ///
    /// Refuses with `M_UNAUTHORIZED` an invalid token, with `M_LIMIT_EXCEEDED` too many connections, with
    /// `M_UNRECOGNIZED` paths other than signalling, and when clients can reach the SFU directly; with
    /// `M_CONNECTION_FAILED` when the SFU does not answer.
    #[boxed]
    pub async fn pass(&self, token: &str, target: &str, headers: HeaderMap) -> Result<(Switched, SignallingPermit)> {
        let who = self.passenger(token, target)?;
        let pass = self.passage.enter(who)?;
        let switched = self.sfu()?.line.switch(self.request(target, headers, ())?, WAIT).await?;
        Ok((switched, pass))
    }

    /// Forwards a plain request about a token to the SFU, such as why it is invalid. Errors as in [`Rtc::pass`].
    #[boxed]
    pub async fn ask(&self, token: &str, target: &str, headers: HeaderMap) -> Result<RemoteResponse> {
        let who = self.passenger(token, target)?;
        let _pass = self.passage.enter(who)?;
        self.sfu()?.line.send(self.request(target, headers, Bytes::new())?, WAIT).await
    }

    /// Returns the participant in a token. Also accepts the tokens that the SFU gives to participants for
    /// reconnecting.
    fn passenger(&self, token: &str, target: &str) -> Result<String> {
        if !self.address().is_some_and(hearth_base::config::SfuUrl::is_plain) {
            return Err(nothing_here());
        }
        if !is_signalling(target) {
            return Err(refuse(Reason::Unrecognized, "There is nothing at this path."));
        }
        let claims = self.read_token(token)?;
        let place = IssuedSeat { room_name: claims.video.room, identity: claims.sub };
        let holder = self.given.holder(&place);
        let is_out = holder.as_ref().is_some_and(|holder| holder.is_out);
        // The SFU cannot revoke a token, so refuse a removed participant here.
        if !claims.video.room_join || place.identity.is_empty() || is_out {
            return Err(refuse(Reason::Unauthorized, "The token does not let you into a call."));
        }
        Ok(holder.map_or(place.identity, |holder| holder.user.into()))
    }

    fn request<B>(&self, target: &str, headers: HeaderMap, body: B) -> Result<http::Request<B>> {
        let request = http::Request::get(format!("{}/{target}", self.sfu()?.base)).body(body);
        let mut request = request.map_err(|_| Error::invalid("The request's target is not a URL."))?;
        *request.headers_mut() = headers;
        // The client's `Host` names this server, not the SFU.
        request.headers_mut().remove(header::HOST);
        Ok(request)
    }
}

/// Returns whether a path is one of the SFU's client paths: `rtc` or below. Its other paths are for servers.
fn is_signalling(target: &str) -> bool {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let mut steps = path.split('/');
    let is_step = |step: &str| !step.is_empty() && step.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    steps.next() == Some("rtc") && steps.all(is_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signalling_passes() {
        for good in ["rtc", "rtc?access_token=a/../b", "rtc/validate", "rtc/v1", "rtc/v1/validate?x=y"] {
            assert!(is_signalling(good), "{good}");
        }
        for bad in [
            "",
            "rtcx",
            "/rtc",
            "twirp/livekit.RoomService/CreateRoom",
            "rtc/../twirp",
            "rtc/%2e%2e/twirp",
            "rtc//x",
            "rtc/",
        ] {
            assert!(!is_signalling(bad), "{bad}");
        }
    }

    #[test]
    fn no_one_takes_all_places() {
        let passage = SignallingPermits::default();
        let mut mine: Vec<SignallingPermit> =
            (0..limits::RTC_PASSAGES_PER_USER_MAX).map(|_| passage.enter("me".to_owned()).expect("a place")).collect();
        assert!(passage.enter("me".to_owned()).is_err());
        let other = passage.enter("other".to_owned()).expect("a place for somebody else");
        mine.pop();
        mine.push(passage.enter("me".to_owned()).expect("one that became free"));
        drop((mine, other));
        assert!(passage.of_each.lock().is_empty());
        let all: Vec<SignallingPermit> =
            (0..limits::RTC_PASSAGES_MAX).map(|n| passage.enter(n.to_string()).expect("a place")).collect();
        assert!(passage.enter("late".to_owned()).is_err());
        drop(all);
        assert!(passage.enter("late".to_owned()).is_ok());
    }
}
