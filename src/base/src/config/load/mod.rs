//! Reads the configuration: defaults, then the file, then the environment; later sources win.
//! Reports all mistakes at once, each with its place.

mod environment;
mod nearest;
mod problem;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::schema::{Found, Reading, Value};
use super::{Address, Config, Listener, Secret, livekit};

pub use environment::process_environment;
pub(super) use nearest::nearest;
pub use problem::{ConfigError, Place, Problem};

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration, with the secrets from `_file` settings filled in.
    pub config: Config,
    /// The source of each key that is set; a list of tables has one source.
    pub sources: BTreeMap<String, Place>,
    /// Warnings, to be logged.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads the file at `path`, if there is one, and lets `environment` override it.
    /// Ignores variables that do not start with `HEARTH_`. For those of this process, see [`process_environment`].
    ///
    /// # Errors
    /// All unknown keys and invalid values; if there are none, all invalid combinations.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        Loading::of(path, environment).finish()
    }

    /// As [`Config::load`], for the text of a file that is not written yet.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_text(
        path: &Path,
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let mut loading = Loading::default();
        loading.text(path, text);
        loading.environment(environment);
        loading.finish()
    }

    /// Whether the file or the environment sets `server.name`. Reads no other file and checks no values together: what
    /// the settings name may be out of reach of a command that runs before the server.
    ///
    /// # Errors
    /// All unknown keys and invalid values.
    pub fn is_named(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<bool, ConfigError> {
        let loading = Loading::of(path, environment);
        let named = loading.sources.contains_key("server.name");
        if loading.problems.is_empty() { Ok(named) } else { Err(ConfigError(loading.problems)) }
    }

    /// As [`Config::load`], for a command that needs only a few settings to find a running server: keeps the default of
    /// what cannot be read, reads no other files, and checks nothing. Returns the mistakes as well.
    #[must_use]
    pub fn glance(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> (Self, Vec<Problem>) {
        let loading = Loading::of(path, environment);
        (loading.config, loading.problems)
    }
}

/// A configuration being read.
#[derive(Default)]
struct Loading {
    config: Config,
    sources: BTreeMap<String, Place>,
    warnings: Vec<Problem>,
    problems: Vec<Problem>,
}

impl Loading {
    /// Applies the file at `path`, if there is one, and then the environment.
    fn of(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut loading = Self::default();
        if let Some(path) = path {
            loading.file(path);
        }
        loading.environment(environment);
        loading
    }

    fn file(&mut self, path: &Path) {
        match std::fs::read_to_string(path) {
            Err(error) => {
                let text = format!("cannot be read: {error}");
                self.problems.push(Problem { place: Place::File(path.to_owned(), 0), key: String::new(), text });
            }
            Ok(text) => self.text(path, &text),
        }
    }

    /// Applies the text of the file at `path`.
    fn text(&mut self, path: &Path, text: &str) {
        let place = |line| Place::File(path.to_owned(), line);
        match Found::document(text) {
            Err((line, error)) => {
                let text = format!("not TOML: {error}");
                self.problems.push(Problem { place: place(line), key: String::new(), text });
            }
            Ok(found) => self.take(&found, place(1)),
        }
    }

    /// Applies one source.
    fn take(&mut self, found: &Found, place: Place) {
        let mut reading = Reading::new(place);
        self.config.set(found, &mut reading);
        for (key, place) in reading.keys {
            // A list replaces the earlier one, so the sources of its items are obsolete.
            self.sources.retain(|known, _| known.strip_prefix(&*key).is_none_or(|rest| !rest.starts_with('[')));
            self.sources.insert(key, place);
        }
        self.problems.append(&mut reading.problems);
    }

    /// `server.lan` opens the default listener.
    fn open_to_lan(&mut self) {
        if !self.config.server.lan {
            return;
        }
        let is_ours = |key: &&String| key.as_str() == "listeners" || key.starts_with("listeners[");
        let place = source_of(&self.sources, "server.lan").cloned().unwrap_or(Place::Default);
        if self.sources.keys().any(|key| is_ours(&key)) {
            let text = "has no effect, because `listeners` is set; remove one of the two".to_owned();
            return self.warnings.push(Problem { place, key: "server.lan".to_owned(), text });
        }
        if let Some(Listener { address: Address::Tcp(address), .. }) = self.config.listeners.first_mut() {
            address.set_ip(Ipv4Addr::UNSPECIFIED.into());
            self.sources.insert("listeners".to_owned(), place);
        }
    }

    fn finish(mut self) -> Result<Loaded, ConfigError> {
        self.open_to_lan();
        if self.problems.is_empty() {
            self.problems = read_secrets(&mut self.config);
        }
        if self.problems.is_empty() {
            match self.config.validate() {
                Ok(mut warnings) => self.warnings.append(&mut warnings),
                Err(ConfigError(problems)) => self.problems = problems,
            }
        }
        for problem in self.problems.iter_mut().chain(&mut self.warnings) {
            if let Some(place) = source_of(&self.sources, &problem.key).filter(|_| problem.place == Place::Default) {
                problem.place = place.clone();
            }
        }
        if self.problems.is_empty() {
            return Ok(Loaded { config: self.config, sources: self.sources, warnings: self.warnings });
        }
        self.problems.sort_by(|one, other| one.place.cmp(&other.place));
        Err(ConfigError(self.problems))
    }
}

/// The source of a key, or of the table or list that it is in.
pub(super) fn source_of<'s>(sources: &'s BTreeMap<String, Place>, key: &str) -> Option<&'s Place> {
    sources.get(key).or_else(|| source_of(sources, &key[..key.rfind(['.', '['])?]))
}

/// A secret, the file that may contain it, and the parser for that file.
type Twin<'c> = (&'c str, &'c mut Option<Secret>, &'c Option<PathBuf>, fn(&Path) -> Result<Secret, String>);

/// Reads the secrets that are in files.
fn read_secrets(config: &mut Config) -> Vec<Problem> {
    let Config { database, registration, turn, livekit, acme, .. } = config;
    let twins: [Twin<'_>; 6] = [
        ("acme.eab_hmac_key", &mut acme.eab_hmac_key, &acme.eab_hmac_key_file, read_secret),
        ("acme.dns_key", &mut acme.dns_key, &acme.dns_key_file, read_secret),
        ("database.url", &mut database.url, &database.url_file, read_secret),
        ("registration.shared_secret", &mut registration.shared_secret, &registration.shared_secret_file, read_secret),
        ("turn.shared_secret", &mut turn.shared_secret, &turn.shared_secret_file, read_secret),
        ("livekit.key", &mut livekit.key, &livekit.key_file, livekit::read_key),
    ];
    let mut problems = Vec::new();
    for (key, secret, file, read) in twins {
        let Some(path) = file else { continue };
        let text = match read(path) {
            _ if secret.is_some() => format!("`{key}` is set as well; remove one of the two"),
            Err(text) => text,
            Ok(value) => {
                *secret = Some(value);
                continue;
            }
        };
        problems.push(Problem { place: Place::Default, key: format!("{key}_file"), text });
    }
    problems
}

/// The only line of a file, without the line ending that editors add.
fn read_secret(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("{} is empty", path.display())),
        secret if secret.contains(['\r', '\n']) => Err(format!("{} has more than one line", path.display())),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests;
