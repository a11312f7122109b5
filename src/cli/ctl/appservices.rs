//! `hearth ctl appservices`.

use std::path::PathBuf;

use clap::Subcommand;
use hearth_admin::client::{ClientError, ErrorKind};
use hearth_admin::text::safe_text;
use hearth_admin::wire::{
    Appservice, AppserviceList, AppservicePing, Done, NewAppservice, SetAppserviceDisabled, paths,
};

use super::table::{or_dash, time};
use super::{Outcome, Session, table};
use crate::cli::out;

/// Bridges and bots.
#[derive(Debug, Subcommand)]
pub(super) enum Appservices {
    /// List the bridges and bots, and how deliveries to them go
    List,
    /// Add the registration in a file while the server runs, or replace one that was added so
    Add {
        /// The registration, as the bridge has written it
        file: PathBuf,
    },
    /// Remove a registration that was added while the server ran; its users and rooms stay
    Remove {
        /// The id in its registration
        id: String,
    },
    /// Ping a bridge or bot: is it reached, and does it accept this server's token?
    Test {
        /// The id in its registration
        id: String,
    },
    /// Stop deliveries; what happens meanwhile is delivered after `enable`
    Disable {
        /// The id in its registration
        id: String,
    },
    /// Resume deliveries
    Enable {
        /// The id in its registration
        id: String,
    },
}

impl Appservices {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List => list(session).await,
            Self::Add { file } => add(session, file).await,
            Self::Remove { id } => {
                let done: Done = session.client.delete(&paths::appservice(&id)).await?;
                session.print(&done, |_| out::say("The registration is removed."));
                Ok(())
            }
            Self::Test { id } => {
                let ping: AppservicePing =
                    session.client.post(&paths::appservice_test(&id), &serde_json::json!({})).await?;
                session.print(&ping, |ping| {
                    out::say(format_args!("{} answers; it took {} ms.", safe_text(&id), ping.duration_ms))
                });
                Ok(())
            }
            Self::Disable { id } => set_disabled(session, &id, true).await,
            Self::Enable { id } => set_disabled(session, &id, false).await,
        }
    }
}

async fn list(session: &Session) -> Outcome {
    let all: AppserviceList = session.client.get(paths::APPSERVICES).await?;
    session.print(&all, |all| {
        let rows = all.items.iter().map(|service| {
            let behind = match service.behind_events {
                0 => "-".to_owned(),
                count => format!("up to {count}"),
            };
            let error = match &service.last_error {
                Some(error) => format!("{}: {error}", time(service.last_error_ms)),
                None => or_dash(None),
            };
            [service.id.clone(), state(service).to_owned(), behind, time(service.last_success_ms), error]
        });
        table::print(["ID", "STATE", "EVENTS BEHIND", "LAST SUCCESS", "LAST ERROR"], rows);
    });
    Ok(())
}

fn state(service: &Appservice) -> &'static str {
    match service {
        Appservice { url: None, .. } => "no url",
        Appservice { disabled: true, .. } => "disabled",
        Appservice { failures: 0, .. } => "up",
        _ => "away",
    }
}

async fn add(session: &Session, file: PathBuf) -> Outcome {
    let registration = std::fs::read_to_string(&file).map_err(|error| ClientError {
        kind: ErrorKind::Unreadable,
        what: format!("{} cannot be read: {error}.", file.display()),
        remedy: "Give the path of the registration file, and let this account read it.".to_owned(),
    })?;
    let added: Appservice = session.client.post(paths::APPSERVICES, &NewAppservice { registration }).await?;
    session.print(&added, |added| {
        let (id, sender) = (safe_text(&added.id), safe_text(&added.sender));
        out::say(format_args!("Added {id}, whose own user is {sender}. Check it: hearth ctl appservices test {id}"));
    });
    Ok(())
}

async fn set_disabled(session: &Session, id: &str, disabled: bool) -> Outcome {
    let done: Done = session.client.put(&paths::appservice_disabled(id), &SetAppserviceDisabled { disabled }).await?;
    session.print(&done, |_| {
        out::say(if disabled {
            "Deliveries are stopped. Nothing is lost: enable resumes them."
        } else {
            "Deliveries go on."
        });
    });
    Ok(())
}
