//! One request to a push gateway, and what its answer means (push gateway API).

use std::pin::pin;

use futures_util::StreamExt;
use hearth_base::limits::users::{
    PUSH_ANSWER_BYTES_MAX, PUSH_SLOW_WAIT, PUSH_WAIT, PUSHES_AT_ONCE_MAX, PUSHES_PER_GATEWAY_MAX,
};
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::ports::RemoteResponse;
use hearth_core::turns::InUse;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::Delivery;
use super::compose::Notice;
use super::live::PusherId;

/// How many requests are made at the same time.
#[derive(Debug)]
pub(super) struct Permits {
    all: Semaphore,
    by_gateway: InUse<String, Semaphore>,
}

impl Default for Permits {
    fn default() -> Self {
        Self { all: Semaphore::new(PUSHES_AT_ONCE_MAX), by_gateway: InUse::default() }
    }
}

/// What a gateway answers, for one pushkey.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GatewayAnswer {
    /// It delivers the notification.
    Taken,
    /// The pushkey is not valid any more.
    Rejected,
    /// It does not want this notification; the words are for people.
    Refused(String),
    /// It cannot be reached, or cannot do it now; the words are for people.
    Failed(String),
}

impl Delivery {
    /// Sends a notification to its gateway.
    pub(super) async fn send(&self, id: &PusherId, notice: &Notice) -> GatewayAnswer {
        match self.ask(notice).await {
            Ok((status, body)) => understand(status, &body, id.key().pushkey),
            Err(error) => GatewayAnswer::Failed(error.for_operator()),
        }
    }

    async fn ask(&self, notice: &Notice) -> Result<(u16, Vec<u8>)> {
        let none = || refuse(Reason::ConnectionFailed, "this server has no connection to push gateways");
        let gateways = self.gateways.get().ok_or_else(none)?;
        let gateway = self.permits.by_gateway.get(notice.host().to_owned(), || Semaphore::new(PUSHES_PER_GATEWAY_MAX));
        let closed = |error| Error::fault("waiting for a request to a push gateway", error);
        let _own = gateway.acquire().await.map_err(closed)?;
        let shared = self.permits.all.acquire().await.map_err(closed)?;
        let asked = async {
            let response = gateways.notify(notice.url.clone(), notice.body.clone(), PUSH_WAIT).await?;
            let status = response.status;
            Ok((status, whole(response).await?))
        };
        let mut asked = pin!(asked);
        tokio::select! {
            answer = &mut asked => return answer,
            // Slow gateways, however many, do not delay the others.
            () = tokio::time::sleep(PUSH_SLOW_WAIT) => drop(shared),
        }
        asked.await
    }
}

async fn whole(mut response: RemoteResponse) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.body.next().await {
        body.extend_from_slice(&piece?);
        if body.len() > PUSH_ANSWER_BYTES_MAX {
            let message = format!("its answer has more than {PUSH_ANSWER_BYTES_MAX} bytes");
            return Err(refuse(Reason::ConnectionFailed, message));
        }
    }
    Ok(body)
}

fn understand(status: u16, body: &[u8], pushkey: &str) -> GatewayAnswer {
    let said = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
    let why = said.as_ref().and_then(|said| said["error"].as_str()).map_or(String::new(), |why| format!(": {why}"));
    match (status, said) {
        (200..=299, Some(said)) => {
            let rejected = said["rejected"].as_array().is_some_and(|all| all.iter().any(|key| key == pushkey));
            if rejected { GatewayAnswer::Rejected } else { GatewayAnswer::Taken }
        }
        // A proxy in front of a gateway that is away may answer so.
        (200..=299, None) => GatewayAnswer::Failed("it answers with something that is not JSON".to_owned()),
        (300..=399, _) => GatewayAnswer::Failed(format!("it redirects (status {status}), which push gateways may not")),
        (400 | 413 | 422, _) => GatewayAnswer::Refused(format!("it refuses the notification (status {status}){why}")),
        (429, _) => GatewayAnswer::Failed(format!("it gets too many notifications (status 429){why}")),
        _ => GatewayAnswer::Failed(format!("it answers with status {status}{why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_meaning() {
        let taken = |body: &str| understand(200, body.as_bytes(), "key");
        assert_eq!(taken("{}"), GatewayAnswer::Taken);
        assert_eq!(taken(r#"{"rejected": []}"#), GatewayAnswer::Taken);
        assert_eq!(taken(r#"{"rejected": ["other"]}"#), GatewayAnswer::Taken);
        assert_eq!(taken(r#"{"rejected": ["other", "key"]}"#), GatewayAnswer::Rejected);
        for garbage in ["", "<html>", "[]", "\u{0}"] {
            assert!(matches!(taken(garbage), GatewayAnswer::Failed(_)), "{garbage:?}");
        }
        let at = |status| understand(status, br#"{"errcode": "M_X", "error": "Too hot."}"#, "key");
        for status in [301, 307, 401, 404, 408, 429, 500, 502, 503] {
            assert!(matches!(at(status), GatewayAnswer::Failed(_)), "{status}");
        }
        let GatewayAnswer::Refused(why) = at(400) else { panic!("{:?}", at(400)) };
        assert!(why.ends_with("(status 400): Too hot."), "{why}");
    }
}
