//! Pushers and their state, for operators.

use std::sync::Arc;

use hearth_base::limits::users::PUSH_AGE_MS_MAX;
use hearth_base::{Error, Millis, Position, Result, boxed};
use hearth_store::tables::pushers::{self, PushProgress, PusherRow};
use hearth_store::tables::users;
use parking_lot::Mutex;
use ruma::UserId;
use serde_json::Value;

use super::Delivery;
use super::badge::Badges;
use super::compose::{Composed, host};
use super::gateway::GatewayAnswer;
use super::live::{Live, PusherId};

/// Characters of a pushkey that are shown: who has all of it can send notifications to that app.
const PUSHKEY_SHOWN_CHARS: usize = 8;

/// A pusher and the state of its deliveries.
#[derive(Debug, Clone)]
pub struct PusherStatus {
    /// Its user.
    pub user_id: String,
    /// The device that set it.
    pub device_id: Option<String>,
    /// The name of that device, as the app gave it.
    pub device_name: String,
    /// `app_id`.
    pub app_id: String,
    /// The beginning of the `pushkey`.
    pub pushkey: String,
    /// The host of the push gateway.
    pub gateway: String,
    /// Whether it is switched on (MSC3881).
    pub enabled: bool,
    /// Time of the last success.
    pub delivered_ms: Option<Millis>,
    /// Time of the first failure since then.
    pub failing_since_ms: Option<Millis>,
    /// The last failure since then.
    pub error: Option<String>,
    /// Time of the next attempt, after a failure.
    pub retry_at_ms: Option<Millis>,
    /// Whether it has failed for so long that old notifications are not kept any more.
    pub stale: bool,
}

/// The result of a test.
#[derive(Debug, Clone)]
pub struct PusherTest {
    /// The pusher, before the test.
    pub pusher: PusherStatus,
    /// Whether the gateway took the notification.
    pub taken: bool,
    /// The gateway's answer in words.
    pub answer: String,
}

impl Delivery {
    /// Lists the pushers of a user, or of all.
    #[boxed]
    pub async fn list(&self, user_id: Option<&UserId>) -> Result<Vec<PusherStatus>> {
        Ok(self.rows_of(user_id).await?.into_iter().map(|(row, name)| self.status(&row, name)).collect())
    }

    /// Sends a test to each pusher of a user: the current unread count, which shows nothing but the number at the app's
    /// icon. A rejected pushkey is removed, as always.
    ///
    /// `M_NOT_FOUND` for a user without pushers.
    #[boxed]
    pub async fn test(&self, user_id: &UserId) -> Result<Vec<PusherTest>> {
        let rows = self.rows_of(Some(user_id)).await?;
        if rows.is_empty() {
            return Err(Error::not_found("This user has no pusher: no app of theirs has asked for notifications."));
        }
        let badges = Arc::<Mutex<Badges>>::default();
        let mut tests = Vec::with_capacity(rows.len());
        for (row, name) in rows {
            let (pusher, id) = (self.status(&row, name), PusherId::of(&row));
            let known = self.live.lock().get(&id).cloned();
            let live = known.unwrap_or_else(|| Arc::new(Live::new(row, Position::ZERO)));
            let (taken, answer) = match self.compose_badge(&id, &badges).await? {
                Composed::Nothing => (false, "nothing was sent: it is switched off, or wants no counts".to_owned()),
                Composed::Gone => (false, "the pusher has just been removed".to_owned()),
                Composed::Notice(notice) => {
                    let answer = self.send(&id, &notice).await;
                    let words = words(&answer);
                    self.learn(&id, &live, (&notice, None), answer).await?;
                    words
                }
            };
            if taken {
                live.poke();
            }
            tests.push(PusherTest { pusher, taken, answer });
        }
        Ok(tests)
    }

    /// Pushers with the ids of their users.
    async fn rows_of(&self, user_id: Option<&UserId>) -> Result<Vec<(PusherRow, String)>> {
        let user_id = user_id.map(ToOwned::to_owned);
        let read = self.core.store.read("pushers_status", move |tx| {
            let rows = match user_id {
                None => pushers::all(tx.tx())?,
                Some(user_id) => match users::find(tx.tx(), user_id.as_str())? {
                    Some(user) => pushers::of_user(tx.tx(), user)?,
                    None => Vec::new(),
                },
            };
            let named = |row: PusherRow| Ok((users::name(tx.tx(), row.user)?.unwrap_or_default(), row));
            rows.into_iter().map(named).map(|named| named.map(|(name, row)| (row, name))).collect()
        });
        read.await
    }

    fn status(&self, row: &PusherRow, user_id: String) -> PusherStatus {
        let live = self.live.lock().get(&PusherId::of(row)).cloned();
        let (progress, retry_at_ms) = live.map_or_else(|| (row.progress.clone(), None), |live| live.progress());
        let PushProgress { delivered_ms, failing_since_ms, error, .. } = progress;
        let parsed = serde_json::from_str::<Value>(&row.json).unwrap_or_default();
        let now_ms = self.core.now_ms();
        let shown: String = row.pushkey.chars().take(PUSHKEY_SHOWN_CHARS).collect();
        PusherStatus {
            user_id,
            device_id: row.device_id.clone(),
            device_name: parsed["device_display_name"].as_str().unwrap_or_default().to_owned(),
            app_id: row.app_id.clone(),
            pushkey: if shown.len() < row.pushkey.len() { format!("{shown}…") } else { shown },
            gateway: host(parsed["data"]["url"].as_str().unwrap_or_default()).to_owned(),
            enabled: row.enabled,
            delivered_ms,
            stale: failing_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= PUSH_AGE_MS_MAX),
            failing_since_ms,
            error,
            retry_at_ms: retry_at_ms.filter(|_| failing_since_ms.is_some()),
        }
    }
}

fn words(answer: &GatewayAnswer) -> (bool, String) {
    match answer {
        GatewayAnswer::Taken => (true, "it took the notification".to_owned()),
        GatewayAnswer::Rejected => (false, "it rejects the pushkey, so the pusher is removed".to_owned()),
        GatewayAnswer::Refused(why) | GatewayAnswer::Failed(why) => (false, why.clone()),
    }
}
