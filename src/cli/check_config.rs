//! `hearth check-config`: validates the configuration, prints it, and tells what would keep the server from starting.

use std::path::Path;
use std::process::ExitCode;

use hearth_base::config::{CertificateSource, Config, Place, process_environment};
use hearth_base::{Clock, clock::SystemClock};
use hearth_certificates::{examine, expiry};

use super::config::ConfigFile;
use super::{check_start, out};

/// The arguments of `check-config`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the server would start, 1 it would not. With --named: 1 no name is set, 255 the \
                        configuration cannot be used."
)]
pub(super) struct CheckConfig {
    /// Show every setting, not only those that are not at their default
    #[arg(long)]
    all: bool,
    /// Only say whether `server.name` is set: what the system service asks before it starts
    #[arg(long, conflicts_with = "all")]
    named: bool,
}

/// Exit code of `--named` for a wrong configuration: systemd skips a service whose `ExecCondition=` ends with 1 to 254,
/// and takes 255 for a failure.
const WRONG: u8 = 255;

impl CheckConfig {
    pub(super) fn run(&self, file: &ConfigFile) -> ExitCode {
        if self.named {
            return named(file);
        }
        let Some(loaded) = file.load(&[]) else { return ExitCode::FAILURE };
        for setting in loaded.settings() {
            if !self.all && setting.place == Place::Default {
                continue;
            }
            let value = setting.value.unwrap_or_else(|| "(unset)".to_owned());
            out::say(format_args!("{} = {value}  # {}", setting.key, setting.place));
        }
        if !certificates(&loaded.config) {
            return ExitCode::FAILURE;
        }
        loaded.warnings.iter().for_each(|warning| out::warn(format_args!("Warning: {warning}")));
        let obstacles = check_start::obstacles(&loaded, file);
        if !obstacles.is_empty() {
            out::warn("The server would not start:");
            obstacles.iter().for_each(|obstacle| out::warn(format_args!("  {obstacle}.")));
            return ExitCode::FAILURE;
        }
        match file.path() {
            Some(path) => out::warn(format_args!("{} is right.", path.display())),
            None => out::warn("There is no configuration file; the defaults and the environment hold."),
        }
        ExitCode::SUCCESS
    }
}

/// Tells what the files of the listeners contain. Returns whether the server could start with them.
fn certificates(config: &Config) -> bool {
    let now_ms = SystemClock.now_ms();
    let mut good = true;
    for (index, listener) in config.listeners.iter().enumerate() {
        let Some(tls) = listener.tls.as_ref().filter(|tls| tls.source == CertificateSource::Files) else { continue };
        match examine(tls) {
            Ok(facts) => {
                let (names, left) = (facts.names.join(", "), expiry::left(&facts, now_ms));
                out::say(format_args!("# listeners[{index}].tls: a certificate for {names}, which {left}"));
                for flaw in facts.faults(&config.certificate_names(), now_ms) {
                    out::warn(format_args!("Warning: listeners[{index}].tls: the certificate has a fault: {flaw}"));
                }
            }
            Err(error) => {
                out::warn(format_args!("listeners[{index}].tls: {error}."));
                good = false;
            }
        }
    }
    good
}

/// Whether the server's name was chosen. `localhost` counts if it is set.
fn named(file: &ConfigFile) -> ExitCode {
    match Config::is_named(file.path(), process_environment()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            out::warn(format_args!(
                "The server has no name yet. It is the part after the colon in @alice:example.org and can never be \
                 changed. Set `server.name` in {}, then start the server.",
                file.path().unwrap_or_else(|| Path::new("hearth.toml")).display()
            ));
            ExitCode::FAILURE
        }
        Err(error) => {
            error.0.iter().for_each(out::warn);
            ExitCode::from(WRONG)
        }
    }
}
