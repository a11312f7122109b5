//! Signatures and content hashes of events (server-server API, "Validating hashes and signatures on received events").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use ruma::OwnedServerName;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::Verified;

use super::parse::IncomingPdu;
use crate::Federation;
use crate::keyring::KeySet;

/// Events checked in sequence on one thread; larger batches are split over threads, away from those that serve
/// requests.
const CHUNK: usize = 16;

impl Federation {
    /// Checks the signatures of events, in order. An event with valid signatures and a wrong content hash is returned
    /// redacted.
    ///
    /// An error stands for an event to drop, or (`M_CONNECTION_FAILED`) for one whose keys are temporarily
    /// unavailable.
    #[boxed]
    pub async fn check_signatures(
        &self,
        rules: &'static RoomVersionRules,
        candidates: Vec<IncomingPdu>,
    ) -> Vec<Result<IncomingPdu>> {
        self.check_signatures_via(rules, candidates, &[]).await
    }

    /// Same as [`Self::check_signatures`], also requesting keys from servers in the room when their owners do not
    /// return them.
    #[boxed]
    pub async fn check_signatures_via(
        &self,
        rules: &'static RoomVersionRules,
        candidates: Vec<IncomingPdu>,
        notaries: &[OwnedServerName],
    ) -> Vec<Result<IncomingPdu>> {
        let objects = candidates.iter().map(|candidate| &candidate.object);
        let known = Arc::new(self.keyring.gather_via(objects, rules, notaries).await);
        if candidates.len() <= CHUNK {
            return candidates.into_iter().map(|candidate| check(&known, rules, candidate)).collect();
        }
        let (mut rest, mut chunks) = (candidates.into_iter(), Vec::new());
        loop {
            let chunk: Vec<IncomingPdu> = rest.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            let (known, count) = (known.clone(), chunk.len());
            let task = move || chunk.into_iter().map(|one| check(&known, rules, one)).collect::<Vec<_>>();
            chunks.push((tokio::task::spawn_blocking(task), count));
        }
        let mut verified = Vec::new();
        for (chunk, count) in chunks {
            match chunk.await {
                Ok(chunk) => verified.extend(chunk),
                Err(_) => verified.extend((0..count).map(|_| Err(Error::broken("checking signatures was cut short")))),
            }
        }
        verified
    }
}

fn check(known: &KeySet, rules: &RoomVersionRules, candidate: IncomingPdu) -> Result<IncomingPdu> {
    match known.verify(&candidate.object, rules)? {
        Verified::All => Ok(candidate),
        Verified::Signatures => candidate.redacted(rules),
    }
}
