//! `hearth ctl`: the admin API for the shell and for scripts.
//!
//! Each command sends requests to the running server and prints the response: as text, or unchanged with `--json`.

mod appservices;
mod certificates;
mod confirm;
mod federation;
mod figures;
mod log;
mod push;
mod rooms;
mod signing_keys;
mod table;
mod tokens;
mod turn;
mod users;

use std::process::ExitCode;

use clap::Subcommand;
use hearth_admin::client::{Client, ClientError};
use hearth_admin::text::safe_json;
use serde::Serialize;

use super::config::ConfigFile;
use super::out;
use super::socket::SocketPath;

/// Exit code: the server refused the request, or another error occurred.
const FAILED: u8 = 1;
/// Exit code: no server answers on the socket, or this account may not use it. Not 2, which is clap's exit code for an
/// invalid command line.
const NOT_REACHED: u8 = 3;

/// Manage the running server.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ctl {
    #[command(flatten)]
    socket: SocketPath,
    /// Print the server's answer as JSON, for scripts
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hearth ctl status                                how the server is
  hearth ctl users create alice --admin            make an account; its password is printed once
  hearth ctl users reset-password alice --logout   give a new password, and log out all devices
  hearth ctl tokens create --uses 1 --days 7       a link and QR code with which a person makes an account
  hearth ctl log --follow --level warn             watch for trouble
  hearth ctl federation list --failing             which other servers cannot be reached, and why
  hearth ctl push list --failing                   which apps get no notifications, and why
  hearth ctl certificates                          which certificates there are, and whether renewing works
  hearth ctl turn test                             whether calls find their relay, and what to open if not
  hearth ctl users list --json | jq -r '.items[].user_id'

Exit codes:
  0  done
  1  refused or failed; stderr says why and what to do
  2  the command line was not understood
  3  the server does not run, or this account may not use its socket";

#[derive(Debug, Subcommand)]
enum Command {
    /// How the server is: versions, sizes, where it listens, what needs attention
    Status,
    /// Local accounts
    #[command(subcommand)]
    Users(users::Users),
    /// Registration tokens, with which people make accounts
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Rooms that this server takes part in
    #[command(subcommand)]
    Rooms(rooms::Rooms),
    /// The keys with which this server signs what it sends to other homeservers
    #[command(subcommand)]
    SigningKeys(signing_keys::SigningKeys),
    /// The certificates of the listeners: where they come from, when they end, why renewing one failed
    Certificates(certificates::Certificates),
    /// Other homeservers: whether they can be reached, and what waits for them
    #[command(subcommand)]
    Federation(federation::Federation),
    /// Bridges and bots: whether they are reached, and what waits for them
    #[command(subcommand)]
    Appservices(appservices::Appservices),
    /// Notifications to apps: which have asked for them, and whether their push gateways take them
    #[command(subcommand)]
    Push(push::Push),
    /// The relay for calls
    #[command(subcommand)]
    Turn(turn::Turn),
    /// The recent log
    Log(log::Log),
    /// Who changed what through this command and the dashboard
    Audit {
        /// How many entries
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Long work that is being done
    Jobs,
    /// What the database spends its time on
    Operations,
}

/// A connection to the server, and the output format.
pub(super) struct Session {
    client: Client,
    json: bool,
    /// `server.name` of the configuration that the command has found.
    configured_name: String,
}

/// The result of a command; only the client fails.
type Outcome = Result<(), ClientError>;

impl Session {
    /// Prints a response: as JSON with `--json`, otherwise with `show`.
    fn print<T: Serialize>(&self, answer: &T, show: impl FnOnce(&T)) {
        match serde_json::to_string_pretty(answer) {
            Ok(json) if self.json => out::say(safe_json(&json)),
            _ => show(answer),
        }
    }
}

impl Ctl {
    pub(super) fn run(self, file: &ConfigFile) -> ExitCode {
        let config = file.glance();
        let socket = match self.socket.find(&config, file.path()) {
            Ok(socket) => socket,
            Err(nowhere) => {
                out::warn(nowhere);
                return ExitCode::from(NOT_REACHED);
            }
        };
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                out::warn(format_args!("The command cannot run: {error}."));
                return ExitCode::from(FAILED);
            }
        };
        let session = Session { client: Client::new(socket), json: self.json, configured_name: config.server.name };
        match runtime.block_on(self.command.run(&session)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                out::warn(&error);
                ExitCode::from(if error.is_down() { NOT_REACHED } else { FAILED })
            }
        }
    }
}

impl Command {
    async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::Status => figures::status(session).await,
            Self::Users(users) => users.run(session).await,
            Self::Tokens(tokens) => tokens.run(session).await,
            Self::Rooms(rooms) => rooms.run(session).await,
            Self::SigningKeys(keys) => keys.run(session).await,
            Self::Certificates(certificates) => certificates.run(session).await,
            Self::Federation(federation) => federation.run(session).await,
            Self::Appservices(appservices) => appservices.run(session).await,
            Self::Push(push) => push.run(session).await,
            Self::Turn(turn) => turn.run(session).await,
            Self::Log(log) => log.run(session).await,
            Self::Audit { limit } => figures::audit(session, limit).await,
            Self::Jobs => figures::jobs(session).await,
            Self::Operations => figures::operations(session).await,
        }
    }
}
