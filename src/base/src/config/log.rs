//! `[log]`: logging.

use super::check::Checks;
use super::schema::{choice, section};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

section! {
    /// Logging: levels and format.
    pub struct Log {
        /// `error`, `warn`, `info`, `debug` or `trace`; or a list such as `info,hearth_http=debug` with levels for
        /// parts of the program.
        level: String = "info".to_owned(),
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text,
        /// Whether text has colours. `auto`: if stderr is a terminal and `NO_COLOR` is not set.
        colour: Colour = Colour::Auto,
    }
}

impl Log {
    pub(super) fn check(&self, checks: &mut Checks) {
        for part in self.level.split(',') {
            let level = part.rsplit('=').next().unwrap_or_default().trim();
            let good = LEVELS.contains(&level);
            let text = format!("expected one of `{}`, found `{level}`", LEVELS.join("`, `"));
            checks.require(good, "log.level", text);
        }
    }
}

choice! {
    /// The format of log lines.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// For machines.
        Json = "json",
    }
}

choice! {
    /// Whether the log has colours.
    pub enum Colour {
        /// If stderr is a terminal and `NO_COLOR` is not set.
        Auto = "auto",
        /// Yes.
        Always = "always",
        /// No.
        Never = "never",
    }
}
