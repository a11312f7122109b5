//! `hearth ctl tokens`.

use clap::Subcommand;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{Done, NewRegistrationToken, RegistrationToken, RegistrationTokenList, Status, paths};

use super::table::time;
use super::{Outcome, Session, table};
use crate::cli::out;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Registration tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// List registration tokens
    List,
    /// Make a registration token
    Create {
        /// The word that people type in; otherwise one is made
        #[arg(long)]
        token: Option<String>,
        /// How many accounts it makes; without this, any number
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
        uses: Option<u64>,
        /// After how many days it stops working; without this, never
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=36_500))]
        days: Option<u64>,
    },
    /// Make a registration token useless; accounts made with it stay
    Revoke {
        /// The token
        token: String,
    },
}

impl Tokens {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List => list(session).await,
            Self::Create { token, uses, days } => create(session, token, uses, days).await,
            Self::Revoke { token } => revoke(session, &token).await,
        }
    }
}

async fn list(session: &Session) -> Outcome {
    let tokens: RegistrationTokenList = session.client.get(paths::REGISTRATION_TOKENS).await?;
    session.print(&tokens, |tokens| {
        let rows = tokens.items.iter().map(|token| {
            let of = token.uses_allowed.map_or_else(|| "any".to_owned(), |uses| uses.to_string());
            let used = format!("{} of {of}", token.completed);
            [token.token.clone(), used, time(token.expires_ms), time(Some(token.created_ms))]
        });
        table::print(["TOKEN", "USED", "EXPIRES", "MADE"], rows);
    });
    // The newest token stands for all: the notice is about the configuration.
    warn(tokens.items.iter().find_map(|token| token.notice.as_deref()));
    Ok(())
}

async fn create(session: &Session, token: Option<String>, uses: Option<u64>, days: Option<u64>) -> Outcome {
    let expires_ms = match days {
        None => None,
        // Relative to the server's clock, which decides the expiry; the clock of this machine may differ.
        Some(days) => Some(session.client.get::<Status>(paths::STATUS).await?.now_ms + days * DAY_MS),
    };
    let new = NewRegistrationToken { token, uses_allowed: uses, expires_ms };
    let made: RegistrationToken = session.client.post(paths::REGISTRATION_TOKENS, &new).await?;
    session.print(&made, |made| out::say(safe_text(&made.token)));
    warn(made.notice.as_deref());
    Ok(())
}

/// Prints to stderr why the server's configuration keeps tokens from being used: stdout has only the token.
fn warn(notice: Option<&str>) {
    if let Some(notice) = notice {
        out::warn(safe_text(notice));
    }
}

async fn revoke(session: &Session, token: &str) -> Outcome {
    let done: Done = session.client.delete(&paths::registration_token(token)).await?;
    session.print(&done, |_| out::say("The token is revoked."));
    Ok(())
}
