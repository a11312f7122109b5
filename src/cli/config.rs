//! Locates and reads the configuration file of a command.

use std::path::{Path, PathBuf};

use hearth_base::config::{Config, Loaded, process_environment};

use super::out;

/// Relative to the working directory of the command.
const DEFAULT_FILE: &str = "hearth.toml";

/// The arguments that select the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct ConfigFile {
    /// The configuration file
    ///
    /// Without this, ./hearth.toml is read if it is there; otherwise the defaults hold. Variables of the environment
    /// such as HEARTH_SERVER__NAME go before what the file says.
    #[arg(long, short, env = "HEARTH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The file that is read; `None` when there is none and the defaults apply.
    pub(super) fn path(&self) -> Option<&Path> {
        let default = Path::new(DEFAULT_FILE);
        self.config.as_deref().or_else(|| default.exists().then_some(default))
    }

    /// Reads the configuration. On errors, prints all of them and returns `None`.
    pub(super) fn load(&self) -> Option<Loaded> {
        Config::load(self.path(), process_environment())
            .inspect_err(|error| {
                out::warn("The configuration is wrong:");
                error.0.iter().for_each(|problem| out::warn(format_args!("  {problem}")));
                out::warn("All settings are described in docs/CONFIG.md.");
            })
            .ok()
    }
}
