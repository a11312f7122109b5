//! The command line of `hearth`, and the dispatch to its commands.

mod admin;
mod check_config;
mod check_start;
mod config;
mod ctl;
mod first_start;
mod hangup;
mod name;
mod out;
mod reload;
mod serve;
mod setup;
mod socket;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::ConfigFile;

/// Hearth, a Matrix homeserver for a household.
///
/// One program gives a household its own place on Matrix. Without any configuration, `hearth serve` keeps its data in
/// ./data and listens on 127.0.0.1:8008.
#[derive(Debug, Parser)]
#[command(name = "hearth", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    file: ConfigFile,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hearth setup                               set up a new server, with questions
  hearth serve                               run the server with defaults or ./hearth.toml
  hearth serve --lan                         let devices in the local network use it too
  hearth serve --config /etc/hearth.toml     run it with this configuration
  hearth check-config                        see whether the configuration is right
  hearth ctl users create alice --admin      make an account on the running server
  hearth admin                               watch and manage the running server";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop (SIGTERM or Ctrl+C)
    ///
    /// Runs in the foreground and logs to stderr. On the first start, it makes a signing key and prints a token with
    /// which the first account is made; that account administers the server. SIGHUP reloads what can be reloaded; when
    /// its terminal is closed, it stops.
    Serve(serve::Serve),
    /// Set up a new server: five questions, each checked as it is answered
    ///
    /// Asks for the name, how the server is reached, an e-mail address for the certificate authority, the administrator and
    /// the data folder; checks DNS, ports, clock and disk; and writes the configuration. A second run shows what is set and
    /// changes only what is answered differently. Each answer is also a flag.
    Setup(setup::Setup),
    /// Say whether the configuration is right, without starting anything
    CheckConfig(check_config::CheckConfig),
    /// Manage the running server from the shell and from scripts
    Ctl(ctl::Ctl),
    /// Open the dashboard of the running server
    Admin(admin::Admin),
}

impl Cli {
    /// Runs the command. The exit code is 0 on success.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let file = &self.file;
        match self.command {
            Command::Serve(serve) => serve.run(file),
            Command::Setup(setup) => setup.run(file),
            Command::CheckConfig(check) => check.run(file),
            Command::Ctl(ctl) => ctl.run(file),
            Command::Admin(admin) => admin.run(file),
        }
    }
}
