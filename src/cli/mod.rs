//! The command line: what can be said to `hearth`, and which code answers it.

mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Hearth, a Matrix homeserver for a household.
///
/// One program gives a household its own place on Matrix. Without any configuration, `hearth serve` keeps its data in
/// ./data and listens on 127.0.0.1:8008.
#[derive(Debug, Parser)]
#[command(name = "hearth", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop (SIGTERM or Ctrl+C).
    Serve(ConfigFile),
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file. Without this, ./hearth.toml is read if it is there; otherwise the defaults hold. Variables of
    /// the environment such as HEARTH_SERVER__NAME go before the file.
    #[arg(long, short, env = "HEARTH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Cli {
    /// Does what was asked for; the exit code is 0 when that went well.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve(file) => serve::run(&file),
        }
    }
}
