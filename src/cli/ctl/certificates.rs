//! `hearth ctl certificates`.

use clap::Subcommand;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{Certificate, CertificateList, CertificatesRenewed, paths};

use super::table::time;
use super::{Outcome, Session};
use crate::cli::out;

/// The certificates of the listeners.
#[derive(Debug, clap::Args)]
pub(super) struct Certificates {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell their names, where they come from, when they end, and what was last tried
    List,
    /// Look for new ones now: read the files again, or order from the authority if it allows that
    Renew,
}

impl Certificates {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        if let Some(Command::Renew) = self.command {
            let path = paths::CERTIFICATES_RENEW;
            let renewed: CertificatesRenewed = session.client.post(path, &serde_json::json!({})).await?;
            session.print(&renewed, |renewed| renewed.messages.iter().for_each(|line| out::say(safe_text(line))));
            return Ok(());
        }
        let list: CertificateList = session.client.get(paths::CERTIFICATES).await?;
        session.print(&list, |list| match list.items.is_empty() {
            true => out::warn("No listener uses TLS, so there is no certificate."),
            false => list.items.iter().for_each(show),
        });
        Ok(())
    }
}

fn show(certificate: &Certificate) {
    let line = |title: &str, text: &str| out::say(format_args!("{title:<14}{}", safe_text(text)));
    let moment = |title: &str, ms: Option<u64>| {
        if ms.is_some() {
            line(title, &format!("{} UTC", time(ms)));
        }
    };
    line("Source", &format!("{} ({})", certificate.source, certificate.place));
    match certificate.not_after_ms {
        Some(_) => line("Names", &certificate.names.join(", ")),
        None => line("Names", "there is no certificate yet"),
    }
    if !certificate.missing.is_empty() {
        line("Missing", &certificate.missing.join(", "));
    }
    if certificate.not_after_ms.is_some() {
        line("Issued by", &certificate.issuer);
        line("Fingerprint", &format!("SHA-256 {}", certificate.fingerprint));
    }
    moment("Valid from", certificate.not_before_ms);
    moment("Valid until", certificate.not_after_ms);
    moment("Renewal", certificate.renewal_ms);
    moment("Last attempt", certificate.attempt_ms);
    if let Some(failure) = &certificate.failure {
        line("It failed", failure);
        line("Failures", &certificate.failures.to_string());
    }
    moment("Next attempt", certificate.next_ms);
}
