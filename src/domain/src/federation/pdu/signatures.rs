//! Signatures and content hashes of events (server-server API, "Validating hashes and signatures on received events").

use std::sync::Arc;

use hearth_base::{Error, Result};
use ruma::OwnedServerName;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::Verified;

use super::parse::IncomingPdu;
use crate::federation::Federation;
use crate::federation::keyring::KeySet;

/// Events checked one after another on one thread; more are shared out, away from the threads that answer requests.
const CHUNK: usize = 16;

impl Federation {
    /// Checks the signatures of events, in the order in which they come. One whose signatures are right but whose content
    /// is not what was hashed comes back redacted.
    ///
    /// An error stands for an event that must be dropped, or (`M_CONNECTION_FAILED`) for one whose keys cannot be had now.
    pub async fn check_signatures(
        &self,
        rules: &'static RoomVersionRules,
        candidates: Vec<IncomingPdu>,
    ) -> Vec<Result<IncomingPdu>> {
        self.check_signatures_via(rules, candidates, &[]).await
    }

    /// As [`Self::check_signatures`], asking servers in the room for keys that their owners do not give.
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
