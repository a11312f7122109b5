//! The task that orders certificates when they are due.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::Millis;
use hearth_base::limits::certificates::{ACME_ORDER_MAX, ACME_STOP_MAX, CERTIFICATE_LOOK_MS};

use super::{Acme, HISTORY};
use crate::expiry;
use crate::guard::{Failure, History};

impl Acme {
    /// Orders a certificate whenever one is needed, until `stop` is ready.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let mut step = pin!(self.step());
            let wait_ms = tokio::select! {
                wait_ms = step.as_mut() => wait_ms,
                () = stop.as_mut() => {
                    // An order that is dropped counts as failed, and most take a few seconds.
                    let _ = tokio::time::timeout(ACME_STOP_MAX, step).await;
                    return;
                }
            };
            tokio::select! {
                () = stop.as_mut() => return,
                () = self.wake.notified() => {}
                // Not longer: the clock may be set meanwhile.
                () = tokio::time::sleep(Duration::from_millis(wait_ms.min(CERTIFICATE_LOOK_MS))) => {}
            }
        }
    }

    /// Orders a certificate if one is needed and may be ordered. Returns how long nothing is to be done, in milliseconds.
    pub(super) async fn step(&self) -> Millis {
        self.warn();
        let now_ms = self.seams.clock.now_ms();
        if let Err(wait_ms) = self.begin(now_ms) {
            return wait_ms;
        }
        let limit = ACME_ORDER_MAX + self.client.extra();
        let ordered = match tokio::time::timeout(limit, self.order()).await {
            Ok(ordered) => ordered,
            Err(_) => Err(Failure::refused("the order was not completed in time")),
        };
        let now_ms = self.seams.clock.now_ms();
        let history = {
            let mut state = self.state.lock();
            state.busy = false;
            match ordered {
                Ok(new) => {
                    let (names, ends) = (&new.facts.names, expiry::left(&new.facts, now_ms));
                    tracing::info!(?names, directory = self.directory, "A new certificate is in service; it {ends}.");
                    state.current = Some(Arc::new(new));
                    state.warned = None;
                    state.history.succeeded(now_ms);
                }
                Err(failure) => {
                    state.history.failed(&failure, now_ms, self.seams.random.chance());
                    let again_s = state.history.next_ms.saturating_sub(now_ms) / 1_000;
                    let kept = if state.current.is_some() { "the old one stays" } else { "there is none yet" };
                    tracing::warn!(
                        reason = failure.reason,
                        directory = self.directory,
                        again_s,
                        failures = state.history.failures,
                        "No certificate was issued; {kept}."
                    );
                }
            }
            state.history.clone()
        };
        if let Err(error) = self.store(&history) {
            tracing::error!(%error, "The history of orders was not stored.");
        }
        0
    }

    /// Enters an order that begins now, if one is needed and allowed; otherwise returns how long to wait.
    fn begin(&self, now_ms: Millis) -> Result<(), Millis> {
        let mut state = self.state.lock();
        let forced = std::mem::take(&mut state.forced);
        let good = state.current.as_ref().filter(|current| self.is_good(current, now_ms));
        if let Some(good) = good.filter(|_| !forced) {
            return Err(good.facts.renewal_ms() - now_ms);
        }
        let due = self.is_due(&state, now_ms);
        if let Err(wait) = state.history.may_begin(&self.names, now_ms, due, forced) {
            return Err(wait.until_ms.saturating_sub(now_ms).max(1));
        }
        let mut history = state.history.clone();
        history.begin(&self.names, now_ms);
        // On disk before the authority is asked: a server that is killed again and again must not order each time.
        if let Err(error) = self.store(&history) {
            let failure = Failure::unreachable(format!("nothing is ordered while that cannot be noted: {error}"));
            state.history.failed(&failure, now_ms, self.seams.random.chance());
            tracing::error!(reason = failure.reason, "No certificate was ordered.");
            return Err(state.history.next_ms.saturating_sub(now_ms));
        }
        state.history = history;
        state.busy = true;
        tracing::info!(names = ?self.names, directory = self.directory, "A certificate is being ordered.");
        Ok(())
    }

    fn store(&self, history: &History) -> hearth_base::Result<()> {
        let json = serde_json::to_vec_pretty(history)
            .map_err(|error| hearth_base::Error::fault("writing the history of orders", error))?;
        self.folder.write(HISTORY, &json)
    }

    /// Logs once for each step towards the end of the certificate.
    fn warn(&self) {
        let mut state = self.state.lock();
        let now_ms = self.seams.clock.now_ms();
        let Some(facts) = state.current.as_ref().map(|current| Arc::clone(&current.facts)) else { return };
        let nearness = expiry::nearness(&facts, now_ms);
        if nearness > state.warned {
            let reason = state.history.failure.as_deref().unwrap_or("it was not tried yet");
            tracing::warn!(names = ?facts.names, reason, "The certificate {} and is not renewed.", expiry::left(&facts, now_ms));
        }
        state.warned = nearness;
    }
}
