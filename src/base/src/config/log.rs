//! `[log]`: what is logged, and how.

use super::schema::{choice, section};

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
