//! What the two clients have in common.

use std::time::Duration;

use async_trait::async_trait;
use hearth_base::Millis;
use hearth_base::limits::certificates::ACME_LOOK_MS;
use serde::Deserialize;

use crate::guard::{Failure, FailureKind};

/// Makes an order, from the account to the issued chain.
#[async_trait]
pub(super) trait Client: Send + Sync {
    /// Orders a certificate for `names` by this request (in DER), and returns its chain in PEM format. Has no time limit of its own.
    async fn order(&self, names: &[String], request: &[u8]) -> Result<String, Failure>;

    /// The time that an order waits for something else than the authority.
    fn extra(&self) -> Duration {
        Duration::ZERO
    }
}

/// An error document of an authority (RFC 7807, RFC 8555 section 6.7).
#[derive(Debug, Default, Deserialize)]
pub(super) struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    detail: String,
}

impl Problem {
    pub(super) fn new(kind: Option<String>, detail: Option<String>) -> Self {
        Self { kind: kind.unwrap_or_default(), detail: detail.unwrap_or_default() }
    }

    pub(super) fn is_bad_nonce(&self) -> bool {
        self.kind.ends_with(":badNonce")
    }

    /// The failure that this document stands for.
    pub(super) fn failure(self, status: Option<u16>) -> Failure {
        let words = match (self.kind.rsplit_once(':'), self.detail.is_empty()) {
            (Some((_, kind)), true) => kind.to_owned(),
            (Some((_, kind)), false) => format!("{} ({kind})", self.detail),
            (None, false) => self.detail.clone(),
            (None, true) => format!("it answers with status {}", status.unwrap_or_default()),
        };
        let kind = match status {
            _ if self.kind.ends_with(":rateLimited") => FailureKind::RateLimited(None),
            Some(429) => FailureKind::RateLimited(None),
            Some(500..) => FailureKind::Unreachable,
            // No order exists yet, or it goes on: nothing that an authority counts.
            _ if self.is_bad_nonce() || self.kind.ends_with(":serverInternal") => FailureKind::Unreachable,
            _ => FailureKind::Refused,
        };
        Failure::new(kind, words)
    }
}

/// The waits between looks at an order.
pub(super) struct Looks(usize);

impl Looks {
    pub(super) fn new() -> Self {
        Self(0)
    }

    /// Waits until the next look.
    pub(super) async fn wait(&mut self) {
        let ms: Millis = ACME_LOOK_MS[self.0.min(ACME_LOOK_MS.len() - 1)];
        self.0 += 1;
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_authority_answers_decides_when_it_is_asked_again() {
        let failure = |kind: &str, status| {
            let problem = Problem::new(Some(format!("urn:ietf:params:acme:error:{kind}")), Some("no".to_owned()));
            problem.failure(status)
        };
        assert_eq!(failure("dns", Some(403)), Failure::refused("no (dns)"));
        assert_eq!(failure("rateLimited", Some(429)).kind, FailureKind::RateLimited(None));
        assert_eq!(failure("badNonce", Some(400)).kind, FailureKind::Unreachable);
        assert_eq!(failure("serverInternal", Some(500)).kind, FailureKind::Unreachable);
        assert_eq!(Problem::default().failure(Some(502)), Failure::unreachable("it answers with status 502"));
    }
}
