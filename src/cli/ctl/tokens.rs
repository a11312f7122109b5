//! `hearth ctl tokens`.

use std::io::IsTerminal;

use clap::Subcommand;
use hearth_admin::qr;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{
    Done, NewRegistrationToken, RegistrationMode, RegistrationToken, RegistrationTokenList, SetRegistrationMode,
    Status, paths,
};

use super::table::time;
use super::{Outcome, Session, table};
use crate::cli::out;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Registration tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// List registration tokens
    List,
    /// Make a registration token, and a link with which a person makes an account
    Create(Create),
    /// Show a token: its link and QR code, and who joined by it
    Show {
        /// The token
        token: String,
    },
    /// Let registration tokens and their links make accounts until Hearth stops, where registration is closed
    ///
    /// At its next start Hearth follows its configuration again: `mode = "token"` in [registration] is for good.
    Allow,
    /// Make a registration token useless; accounts made with it stay
    Revoke {
        /// The token
        token: String,
    },
}

/// A token to make.
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The word that people type in; otherwise one is made
    #[arg(long)]
    token: Option<String>,
    /// How many accounts it makes; without this, any number
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    uses: Option<u64>,
    /// After how many days it stops working; without this, never
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: Option<u64>,
    /// Rooms that the new user joins: ids or aliases, with commas between them. Rooms that are not public need a
    /// contact who may invite into them
    #[arg(long, value_name = "ROOM", value_delimiter = ',')]
    rooms: Vec<String>,
    /// The user of this server who invites: named on the page of the link
    #[arg(long, value_name = "USER")]
    contact: Option<String>,
    /// A note that only administrators see
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Tokens {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List => list(session).await,
            Self::Create(wanted) => create(session, wanted).await,
            Self::Show { token } => show(session, &token).await,
            Self::Allow => allow(session).await,
            Self::Revoke { token } => revoke(session, &token).await,
        }
    }
}

async fn list(session: &Session) -> Outcome {
    let tokens: RegistrationTokenList = session.client.get(paths::REGISTRATION_TOKENS).await?;
    session.print(&tokens, |tokens| {
        let rows = tokens.items.iter().map(|token| {
            let contact = token.contact.clone().unwrap_or_default();
            [token.token.clone(), used(token), time(token.expires_ms), time(Some(token.created_ms)), contact]
        });
        table::print(["TOKEN", "USED", "EXPIRES", "MADE", "CONTACT"], rows);
    });
    // The newest token stands for all: the notice is about the configuration.
    warn(tokens.items.iter().find_map(|token| token.notice.as_deref()));
    Ok(())
}

fn used(token: &RegistrationToken) -> String {
    let of = token.uses_allowed.map_or_else(|| "any".to_owned(), |uses| uses.to_string());
    format!("{} of {of}", token.completed)
}

async fn create(session: &Session, wanted: Create) -> Outcome {
    let Create { token, uses, days, rooms, contact, note } = wanted;
    let expires_ms = match days {
        None => None,
        // Relative to the server's clock, which decides the expiry; the clock of this machine may differ.
        Some(days) => Some(session.client.get::<Status>(paths::STATUS).await?.now_ms + days * DAY_MS),
    };
    let new = NewRegistrationToken { token, uses_allowed: uses, expires_ms, contact, rooms, note };
    let mut made: RegistrationToken = session.client.post(paths::REGISTRATION_TOKENS, &new).await?;
    if !made.works && !session.json && offer_to_allow(made.notice.as_deref()) {
        allow(session).await?;
        made.notice = None;
    }
    session.print(&made, |made| {
        out::say(safe_text(&made.token));
        print_link(&made.link);
    });
    warn(made.notice.as_deref());
    Ok(())
}

/// Asks on a terminal whether tokens shall work: a link that makes no account must not be sent to a person.
fn offer_to_allow(notice: Option<&str>) -> bool {
    let Some(notice) = notice else { return false };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    out::warn(safe_text(notice));
    let answer = out::ask("Let tokens and links make accounts until Hearth stops? [y/N]");
    answer.is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

/// Prints an invite link, and on a terminal its QR code.
pub(super) fn print_link(link: &str) {
    out::say(safe_text(link));
    if !std::io::stdout().is_terminal() {
        return;
    }
    out::say("");
    for line in qr::lines(link).unwrap_or_default() {
        out::say(qr::white_on_black(&line));
    }
}

async fn show(session: &Session, token: &str) -> Outcome {
    let token: RegistrationToken = session.client.get(&paths::registration_token(token)).await?;
    session.print(&token, |token| {
        print_link(&token.link);
        let or_dash = |text: Option<&str>| safe_text(text.unwrap_or("-"));
        out::say(format_args!("used     {}", used(token)));
        out::say(format_args!("expires  {}", time(token.expires_ms)));
        out::say(format_args!("contact  {}", or_dash(token.contact.as_deref())));
        out::say(format_args!("rooms    {}", or_dash(Some(&*token.rooms.join(" ")).filter(|rooms| !rooms.is_empty()))));
        out::say(format_args!("note     {}", or_dash(token.note.as_deref())));
        out::say(format_args!("made by  {}", or_dash(token.creator.as_deref())));
        for used in &token.joined {
            out::say(format_args!("joined   {}  {}", time(Some(used.used_ms)), safe_text(&used.user_id)));
        }
    });
    warn(token.notice.as_deref());
    Ok(())
}

async fn allow(session: &Session) -> Outcome {
    let mode = SetRegistrationMode { mode: RegistrationMode::Token };
    let done: Done = session.client.put(paths::REGISTRATION_MODE, &mode).await?;
    session.print(&done, |_| {
        // To stderr: a command that makes a token prints nothing else on stdout.
        out::warn(
            "Tokens and links make accounts until Hearth stops. To have it so after the next start, write in the \
             configuration:\n\n    [registration]\n    mode = \"token\"\n",
        );
    });
    Ok(())
}

/// Prints to stderr why the server's configuration keeps tokens from being used.
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
