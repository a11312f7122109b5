//! The task of one pusher.

use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits::users::{
    PUSH_INLINE_STEPS_MAX, PUSH_PASSED_POSITIONS_MAX, PUSH_REFUSED_MS_MAX, PUSH_TROUBLE_WAIT,
};
use hearth_base::{Error, Position, Result};
use hearth_store::WriteTx;
use hearth_store::tables::pushers;
use parking_lot::Mutex;
use ruma::push::Action;

use super::super::evaluate::size;
use super::super::rules::Rules;
use super::Delivery;
use super::badge::Badges;
use super::compose::{Composed, Notice};
use super::gateway::GatewayAnswer;
use super::gather::Candidate;
use super::live::{Live, PusherId};

/// The result of one look at what there is to send.
enum Round {
    /// Everything up to this position is delivered.
    Idle(Position),
    /// There may be more.
    Again,
    /// The gateway failed.
    Failed,
    /// The pusher is gone.
    Gone,
}

/// What became of one notification.
pub(super) enum Delivered {
    /// It is delivered, or is not to be.
    Done,
    Failed,
    Gone,
}

impl Delivery {
    /// Delivers to one pusher until it is gone or the server stops.
    pub(super) async fn work(&self, id: &PusherId, live: &Live) {
        // Before the first read, so that a change between the two is not missed.
        let mut news = self.core.notifier.follow(id.user);
        let badges = Arc::<Mutex<Badges>>::default();
        while !self.is_closing() {
            match self.round(id, live, &badges).await {
                Ok(Round::Gone) => return,
                Ok(Round::Again) => {}
                Ok(Round::Idle(position)) => tokio::select! {
                    () = self.closed() => {}
                    () = news.news_after(position) => {
                        // The notifier ends all waits before this service is told to stop.
                        if self.core.notifier.is_closed() {
                            self.closed().await;
                        }
                    }
                },
                Ok(Round::Failed) => self.pause(live).await,
                Err(error) => {
                    tracing::warn!(%error, "Failed to prepare a notification; will retry.");
                    tokio::select! {
                        () = self.closed() => {}
                        () = tokio::time::sleep(PUSH_TROUBLE_WAIT) => {}
                    }
                }
            }
        }
    }

    async fn round(&self, id: &PusherId, live: &Live, badges: &Arc<Mutex<Badges>>) -> Result<Round> {
        // Where the last attempt to record failed.
        self.confirm(id, live).await?;
        let Some(gathered) = self.gather(id, live.upto()).await? else { return Ok(Round::Gone) };
        for candidate in &gathered.candidates {
            let delivered = match self.actions(&gathered.rules, candidate).await? {
                Some(actions) => self.deliver(id, live, badges, candidate, actions).await?,
                None => Delivered::Done,
            };
            match delivered {
                Delivered::Done => {
                    self.advance(live, candidate.ord);
                    self.confirm(id, live).await?;
                }
                Delivered::Failed => return Ok(Round::Failed),
                Delivered::Gone => return Ok(Round::Gone),
            }
            if self.is_closing() {
                return Ok(Round::Again);
            }
        }
        self.advance(live, gathered.reached);
        if gathered.reached < gathered.position.as_i64() {
            return Ok(Round::Again);
        }
        Ok(match self.lower_badge(id, live, badges).await? {
            Delivered::Done => Round::Idle(gathered.position),
            Delivered::Failed => Round::Failed,
            Delivered::Gone => Round::Gone,
        })
    }

    fn advance(&self, live: &Live, upto: i64) {
        live.advance(upto);
        if live.unsaved(PUSH_PASSED_POSITIONS_MAX).is_some() {
            self.unsettled.notify_one();
        }
    }

    /// Records a second delivery at once: a second crash within the second until [`Delivery::run`] records would make a
    /// third of it.
    async fn confirm(&self, id: &PusherId, live: &Live) -> Result<()> {
        let Some(progress) = live.doubtful() else { return Ok(()) };
        let (id, recorded) = (id.clone(), progress.clone());
        let write = move |tx: &mut WriteTx<'_>| pushers::set_progress(tx.tx(), id.key(), &recorded);
        self.core.store.write("pusher_settle", write).await?;
        live.saved(&progress);
        Ok(())
    }

    /// The actions of the rule that matches an event, if it notifies.
    async fn actions(&self, rules: &Rules, candidate: &Candidate) -> Result<Option<Vec<Action>>> {
        let evaluator = self.counter.evaluator.clone();
        let (rules, event, context) = (rules.clone(), candidate.event.clone(), candidate.context.clone());
        let is_cheap = rules.matcher().steps(size(&event)) <= PUSH_INLINE_STEPS_MAX;
        let run = move || {
            let (rule, _) = evaluator.first(&rules, &event, &context);
            rule.filter(|rule| rule.outcome.notify).map(|rule| rule.actions.clone())
        };
        if is_cheap {
            return Ok(run());
        }
        let closed = |error| Error::fault("waiting for the evaluation of push rules", error);
        let _permit = self.counter.evaluations.acquire().await.map_err(closed)?;
        tokio::task::spawn_blocking(run).await.map_err(|panic| Error::fault("evaluating push rules", panic))
    }

    async fn deliver(
        &self,
        id: &PusherId,
        live: &Live,
        badges: &Arc<Mutex<Badges>>,
        candidate: &Candidate,
        actions: Vec<Action>,
    ) -> Result<Delivered> {
        match self.compose(id, live, badges, candidate, actions).await? {
            Composed::Nothing => Ok(Delivered::Done),
            Composed::Gone => Ok(Delivered::Gone),
            Composed::Notice(notice) => {
                let answer = self.send(id, &notice).await;
                let now_ms = self.core.now_ms();
                let is_refused = matches!(answer, GatewayAnswer::Refused(_))
                    && now_ms.saturating_sub(live.refused(candidate.event.sn, now_ms)) >= PUSH_REFUSED_MS_MAX;
                let delivered = self.learn(id, live, (&notice, Some(candidate.ord)), answer).await?;
                if is_refused {
                    tracing::info!(
                        gateway = notice.host(),
                        "A push gateway never takes a notification; passing it over."
                    );
                    return Ok(Delivered::Done);
                }
                Ok(delivered)
            }
        }
    }

    /// Tells the gateway an unread count that has become smaller: the user has read elsewhere.
    async fn lower_badge(&self, id: &PusherId, live: &Live, badges: &Arc<Mutex<Badges>>) -> Result<Delivered> {
        let Some(last) = live.badge().filter(|last| *last > 0) else { return Ok(Delivered::Done) };
        match self.compose_badge(id, badges).await? {
            Composed::Notice(notice) if notice.badge.is_some_and(|badge| badge < last) => {
                let answer = self.send(id, &notice).await;
                self.learn(id, live, (&notice, None), answer).await
            }
            Composed::Gone => Ok(Delivered::Gone),
            Composed::Notice(_) | Composed::Nothing => Ok(Delivered::Done),
        }
    }

    /// Draws the conclusions from a gateway's answer to a notification of the event at a position, or of the count only.
    pub(super) async fn learn(
        &self,
        id: &PusherId,
        live: &Live,
        (notice, ord): (&Notice, Option<i64>),
        answer: GatewayAnswer,
    ) -> Result<Delivered> {
        let (now_ms, gateway) = (self.core.now_ms(), notice.host());
        match answer {
            GatewayAnswer::Taken => {
                if live.succeeded(ord, notice.badge, now_ms) {
                    tracing::info!(gateway, "A push gateway takes notifications again.");
                }
                self.unsettled.notify_one();
                Ok(Delivered::Done)
            }
            GatewayAnswer::Rejected => {
                tracing::info!(gateway, "A push gateway has rejected a pushkey; the pusher is removed.");
                self.remove(id).await?;
                Ok(Delivered::Gone)
            }
            GatewayAnswer::Refused(why) | GatewayAnswer::Failed(why) => {
                if live.failed(why.clone(), now_ms, self.core.seams.random.chance()) {
                    tracing::info!(gateway, why, "A push gateway takes no notifications; they are kept for it.");
                }
                self.unsettled.notify_one();
                Ok(Delivered::Failed)
            }
        }
    }

    async fn remove(&self, id: &PusherId) -> Result<()> {
        let id = id.clone();
        self.core.store.write("pusher_rejected", move |tx: &mut WriteTx<'_>| pushers::delete(tx.tx(), id.key())).await
    }

    /// Waits after a failure.
    async fn pause(&self, live: &Live) {
        tokio::select! {
            () = self.closed() => {}
            () = live.poked() => {}
            () = tokio::time::sleep(Duration::from_millis(live.wait_ms(self.core.now_ms()))) => {}
        }
    }
}
