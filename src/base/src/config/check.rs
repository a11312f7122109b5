//! Whether a configuration goes together. Each section's own `check` knows what it needs; this collects what they say.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use super::{Config, ConfigError, Place, Problem};

/// What was found.
#[derive(Default)]
pub(super) struct Checks {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Checks {
    /// What must be so, or else.
    pub(super) fn require(&mut self, good: bool, key: &str, text: impl Into<String>) {
        if !good {
            self.problems.push(Problem { place: Place::Default, key: key.to_owned(), text: text.into() });
        }
    }

    /// What works but is probably not meant.
    pub(super) fn warn_if(&mut self, doubtful: bool, key: &str, text: impl Into<String>) {
        if doubtful {
            self.warnings.push(Problem { place: Place::Default, key: key.to_owned(), text: text.into() });
        }
    }

    /// A number within bounds.
    pub(super) fn within<T: PartialOrd + Display>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        let good = range.contains(&value);
        let (least, most) = range.into_inner();
        self.require(good, key, format!("expected a number from {least} to {most}, found {value}"));
    }

    /// A file that can be opened.
    pub(super) fn file(&mut self, key: &str, path: &Path) {
        if path.as_os_str().is_empty() {
            self.require(false, key, "missing; expected the path of a file");
        } else if let Err(error) = std::fs::File::open(path) {
            self.require(false, key, format!("{} cannot be read: {error}", path.display()));
        }
    }
}

impl Config {
    /// Checks what the reading of single values cannot: bounds, names, files, and what excludes each other.
    ///
    /// Gives warnings: what works but is probably not meant.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn validate(&self) -> Result<Vec<Problem>, ConfigError> {
        let mut checks = Checks::default();
        self.server.check(&mut checks);
        super::listeners::check(&self.listeners, &mut checks);
        self.database.check(&mut checks);
        self.registration.check(&mut checks);
        self.rooms.check(&mut checks);
        self.passwords.check(&mut checks);
        self.tokens.check(&mut checks);
        self.rate_limits.check(&mut checks);
        self.media.check(&mut checks);
        self.outgoing.check(&mut checks);
        self.appservices.check(&mut checks);
        self.turn.check(&mut checks);
        self.livekit.check(&mut checks);
        self.log.check(&mut checks);
        self.federation.check(&mut checks);
        if checks.problems.is_empty() { Ok(checks.warnings) } else { Err(ConfigError(checks.problems)) }
    }
}
