//! Reads the configuration: defaults, then the file, then the environment; later ones win.
//!
//! Everything that is wrong is reported at once, each with its place.

mod environment;
mod nearest;
mod problem;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::schema::{Found, Reading, Value};
use super::{Config, Secret, livekit};

pub use environment::process_environment;
pub(super) use nearest::nearest;
pub use problem::{ConfigError, Place, Problem};

/// A configuration that was read and found good.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration; secrets that stand in files of their own are filled in.
    pub config: Config,
    /// Where each key that is not left at its default was set; in a list of tables, each list as a whole.
    pub sources: BTreeMap<String, Place>,
    /// What works but is probably not meant; to be logged.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads the file at `path`, if any is given, and lets `environment` override it.
    ///
    /// Variables that do not start with `HEARTH_` are passed over. For those of this process, see
    /// [`process_environment`].
    ///
    /// # Errors
    ///
    /// Every unknown key and every value that is not allowed; only then, everything that does not go together.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let mut loading = Loading::default();
        if let Some(path) = path {
            loading.file(path);
        }
        loading.environment(environment);
        loading.finish()
    }
}

/// A configuration in the making.
#[derive(Default)]
struct Loading {
    config: Config,
    sources: BTreeMap<String, Place>,
    warnings: Vec<Problem>,
    problems: Vec<Problem>,
}

impl Loading {
    fn file(&mut self, path: &Path) {
        let place = |line| Place::File(path.to_owned(), line);
        let problem = |line, text| Problem { place: place(line), key: String::new(), text };
        match std::fs::read_to_string(path) {
            Err(error) => self.problems.push(problem(0, format!("cannot be read: {error}"))),
            Ok(text) => match Found::document(&text) {
                Err((line, error)) => self.problems.push(problem(line, format!("not TOML: {error}"))),
                Ok(found) => self.take(&found, place(1)),
            },
        }
    }

    /// Lays what one source says over what is there.
    fn take(&mut self, found: &Found, place: Place) {
        let mut reading = Reading::new(place);
        self.config.set(found, &mut reading);
        for (key, place) in reading.keys {
            // A list replaces the one before it, and all that was known of its items.
            self.sources.retain(|known, _| known.strip_prefix(&*key).is_none_or(|rest| !rest.starts_with('[')));
            self.sources.insert(key, place);
        }
        self.problems.append(&mut reading.problems);
    }

    fn finish(mut self) -> Result<Loaded, ConfigError> {
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

/// A secret, the file that may hold it, and how that is read.
type Twin<'c> = (&'c str, &'c mut Option<Secret>, &'c Option<PathBuf>, fn(&Path) -> Result<Secret, String>);

/// Fills in the secrets that stand in files of their own.
fn read_secrets(config: &mut Config) -> Vec<Problem> {
    let Config { database, registration, turn, livekit, .. } = config;
    let twins: [Twin<'_>; 4] = [
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

/// The first line of a file; an end of line, which editors like to add, does not belong to the secret.
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
