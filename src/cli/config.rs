//! Locates and reads the configuration file of a command.

use std::path::{Path, PathBuf};

use hearth_base::config::{Config, ConfigError, Loaded, process_environment};

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
    #[arg(long, short, global = true, env = "HEARTH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The file that is read; `None` when there is none and the defaults apply.
    pub(super) fn path(&self) -> Option<&Path> {
        let default = Path::new(DEFAULT_FILE);
        self.config.as_deref().or_else(|| default.exists().then_some(default))
    }

    /// The settings with which `ctl` and `admin` find the server. They need no valid configuration: the files that it
    /// names may be readable by the server's account only, and the server may run with an older version of it.
    pub(super) fn glance(&self) -> Config {
        let (config, problems) = Config::glance(self.path(), process_environment());
        problems.iter().for_each(|problem| out::warn(format_args!("Warning: {problem}")));
        config
    }

    /// Reads the configuration, with settings from the command line in place of those of the environment.
    pub(super) fn read(&self, flags: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let flags = flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(self.path(), process_environment().chain(flags))
    }

    /// Reads the configuration. On errors, prints all of them and returns `None`.
    pub(super) fn load(&self, flags: &[(&str, &str)]) -> Option<Loaded> {
        self.read(flags)
            .inspect_err(|error| {
                out::warn("The configuration is wrong:");
                error.0.iter().for_each(|problem| out::warn(format_args!("  {problem}")));
                out::warn("All settings are described in docs/CONFIG.md.");
            })
            .ok()
    }
}
