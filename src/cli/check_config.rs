//! `hearth check-config`: validates the configuration and prints it.

use std::process::ExitCode;

use hearth_base::config::Place;

use super::config::ConfigFile;
use super::out;

/// The arguments of `check-config`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 the configuration can be used, 1 it cannot.")]
pub(super) struct CheckConfig {
    #[command(flatten)]
    file: ConfigFile,
    /// Show every setting, not only those that are not at their default
    #[arg(long)]
    all: bool,
}

impl CheckConfig {
    pub(super) fn run(&self) -> ExitCode {
        let Some(loaded) = self.file.load() else { return ExitCode::FAILURE };
        for setting in loaded.settings() {
            if !self.all && setting.place == Place::Default {
                continue;
            }
            let value = setting.value.unwrap_or_else(|| "(unset)".to_owned());
            out::say(format_args!("{} = {value}  # {}", setting.key, setting.place));
        }
        loaded.warnings.iter().for_each(|warning| out::warn(format_args!("Warning: {warning}")));
        match self.file.path() {
            Some(path) => out::warn(format_args!("{} is right.", path.display())),
            None => out::warn("There is no configuration file; the defaults and the environment hold."),
        }
        ExitCode::SUCCESS
    }
}
