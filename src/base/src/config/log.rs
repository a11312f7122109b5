//! `[log]`: what is logged, and how.

use super::check::Checks;
use super::schema::{choice, section};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

section! {
    /// What is logged, and how.
    pub struct Log {
        /// `error`, `warn`, `info`, `debug` or `trace`; or a list such as `info,hearth_http=debug` that names parts of
        /// the program.
        level: String = "info".to_owned(),
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text,
        /// Whether text has colours. `auto`: if a person watches, and `NO_COLOR` is not set.
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
    /// The form of a line in the log.
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
        /// If a person watches, and `NO_COLOR` is not set.
        Auto = "auto",
        /// Yes.
        Always = "always",
        /// No.
        Never = "never",
    }
}
