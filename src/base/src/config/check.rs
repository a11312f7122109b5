//! Validation of a whole configuration: calls each section's `check` and collects errors and warnings.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use super::{Config, ConfigError, Place, Problem};

/// Errors and warnings found so far.
#[derive(Default)]
pub(super) struct Checks {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Checks {
    /// An error unless `good`.
    pub(super) fn require(&mut self, good: bool, key: &str, text: impl Into<String>) {
        if !good {
            self.problems.push(Problem { place: Place::Default, key: key.to_owned(), text: text.into() });
        }
    }

    /// A warning if `doubtful`: the setting works but is probably a mistake.
    pub(super) fn warn_if(&mut self, doubtful: bool, key: &str, text: impl Into<String>) {
        if doubtful {
            self.warnings.push(Problem { place: Place::Default, key: key.to_owned(), text: text.into() });
        }
    }

    /// An error unless the value is within the range.
    pub(super) fn within<T: PartialOrd + Display>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        let good = range.contains(&value);
        let (least, most) = range.into_inner();
        self.require(good, key, format!("expected a number from {least} to {most}, found {value}"));
    }

    /// An error unless the file can be opened.
    pub(super) fn file(&mut self, key: &str, path: &Path) {
        if path.as_os_str().is_empty() {
            self.require(false, key, "missing; expected the path of a file");
        } else if let Err(error) = std::fs::File::open(path) {
            self.require(false, key, format!("{} cannot be read: {error}", path.display()));
        }
    }
}

impl Config {
    /// Checks what parsing single values cannot: ranges, names, files, and settings that exclude each other.
    /// Returns warnings: settings that work but are probably a mistake.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn validate(&self) -> Result<Vec<Problem>, ConfigError> {
        let mut checks = Checks::default();
        self.server.check(&mut checks);
        super::listeners::check(&self.listeners, &mut checks);
        self.check_acme(&mut checks);
        self.database.check(&mut checks);
        self.registration.check(&mut checks);
        self.rooms.check(&mut checks);
        self.passwords.check(&mut checks);
        self.tokens.check(&mut checks);
        self.rate_limits.check(&mut checks);
        self.media.check(&mut checks);
        self.url_previews.check(&mut checks);
        self.outgoing.check(&mut checks);
        self.appservices.check(&mut checks);
        self.turn.check(&mut checks);
        self.livekit.check(&mut checks);
        self.log.check(&mut checks);
        self.federation.check(&mut checks);
        if let Some((what, remedy)) = self.reach_problem() {
            checks.warn_if(true, "server.name", format!("{what} {remedy}"));
        }
        if checks.problems.is_empty() { Ok(checks.warnings) } else { Err(ConfigError(checks.problems)) }
    }
}
