//! The certificates as the admin API shows them, and the warnings about them.

use std::sync::Arc;

use hearth_admin::wire::{Certificate, HealthLevel, Problem, areas};
use hearth_base::{Error, Millis, Result, Seams};
use hearth_certificates::expiry::{self, Nearness};
use hearth_certificates::{Report, Sources};
use hearth_http::admin::HostCertificates;

/// The sources of this server, for the admin API.
pub(super) struct Shown {
    sources: Arc<Sources>,
    seams: Seams,
}

impl Shown {
    pub(super) fn new(sources: &Arc<Sources>, seams: &Seams) -> Self {
        Self { sources: Arc::clone(sources), seams: seams.clone() }
    }
}

impl HostCertificates for Shown {
    fn list(&self) -> Vec<Certificate> {
        self.sources.all().iter().map(|source| certificate(source.report())).collect()
    }

    fn problems(&self) -> Vec<Problem> {
        let now_ms = self.seams.clock.now_ms();
        self.sources.all().iter().flat_map(|source| problems(&source.report(), now_ms)).collect()
    }

    fn renew(&self) -> Result<Vec<String>> {
        let sources = self.sources.all();
        if sources.is_empty() {
            return Err(Error::not_found("No listener uses TLS, so there is no certificate."));
        }
        sources.iter().map(|source| source.renew()).collect()
    }
}

fn certificate(report: Report) -> Certificate {
    let facts = report.facts.as_deref().cloned().unwrap_or_default();
    let there = report.facts.is_some();
    Certificate {
        source: report.source.to_owned(),
        place: report.place,
        names: facts.names,
        missing: report.missing,
        issuer: facts.issuer,
        fingerprint: facts.fingerprint,
        not_before_ms: there.then_some(facts.not_before_ms),
        not_after_ms: there.then_some(facts.not_after_ms),
        renewal_ms: report.renewal_ms,
        attempt_ms: report.attempt_ms,
        failure: report.failure,
        failures: report.failures,
        next_ms: report.next_ms,
    }
}

/// What an operator must know: a certificate that is not there, ends soon, or lacks a name.
fn problems(report: &Report, now_ms: Millis) -> Vec<Problem> {
    let remedy = match report.source {
        "files" => format!("Replace {}; the server reads it by itself.", report.place),
        "acme" => "`hearth ctl certificates` has the details; `hearth ctl certificates renew` tries again.".to_owned(),
        _ => "`hearth ctl certificates renew` makes a new one.".to_owned(),
    };
    let about = |level, what: String| Problem {
        level,
        what,
        remedy: remedy.clone(),
        area: Some(areas::CERTIFICATES.to_owned()),
    };
    let why = report.failure.as_ref().map(|why| format!(" The last attempt failed: {why}.")).unwrap_or_default();
    let Some(facts) = &report.facts else {
        return vec![about(HealthLevel::Fail, format!("There is no certificate yet, so no client can connect.{why}"))];
    };
    let names = facts.names.join(", ");
    let mut problems = Vec::new();
    if let Some(nearness) = expiry::nearness(facts, now_ms) {
        let level = if nearness == Nearness::Urgent { HealthLevel::Fail } else { HealthLevel::Warn };
        problems.push(about(level, format!("The certificate of {names} {}.{why}", expiry::left(facts, now_ms))));
    }
    if !report.missing.is_empty() {
        let what = format!("The certificate of {names} is not for {}.{why}", report.missing.join(", "));
        problems.push(about(HealthLevel::Warn, what));
    }
    problems
}

#[cfg(test)]
mod tests {
    use hearth_certificates::Facts;

    use super::*;

    const DAY: Millis = 24 * 60 * 60 * 1_000;

    fn report(left: Millis, missing: &[&str]) -> Report {
        let facts = Facts { names: vec!["a.b".to_owned()], not_after_ms: 90 * DAY, ..Facts::default() };
        let missing = missing.iter().map(|name| (*name).to_owned()).collect();
        let failure = (left < 20 * DAY).then(|| "no such host".to_owned());
        Report { source: "acme", facts: Some(Arc::new(facts)), missing, failure, ..Report::default() }
    }

    #[test]
    fn what_needs_attention_is_told_with_its_reason() {
        let found = |left: Millis, missing: &[&str]| {
            let problems = problems(&report(left, missing), 90 * DAY - left);
            problems.into_iter().map(|problem| (problem.level, problem.what)).collect::<Vec<_>>()
        };
        assert_eq!(found(29 * DAY, &[]), []);
        let text =
            |days: u64| format!("The certificate of a.b ends in {days} days. The last attempt failed: no such host.");
        assert_eq!(found(19 * DAY, &[]), [(HealthLevel::Warn, text(19))]);
        assert_eq!(found(9 * DAY, &[]), [(HealthLevel::Warn, text(9))]);
        assert_eq!(found(2 * DAY, &[]), [(HealthLevel::Fail, text(2))]);
        let lacking = "The certificate of a.b is not for c.d.".to_owned();
        assert_eq!(found(29 * DAY, &["c.d"]), [(HealthLevel::Warn, lacking)]);
        let none = problems(&Report { source: "acme", ..Report::default() }, 0);
        assert_eq!(none[0].level, HealthLevel::Fail);
    }
}
