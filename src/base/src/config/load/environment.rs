//! The environment as a source: `HEARTH_SERVER__NAME` sets `server.name`.

use super::super::Config;
use super::super::schema::{Entry, Found, Section, Shape};
use super::{Loading, Place, Problem, nearest};

const PREFIX: &str = "HEARTH_";

/// Variables that are not settings: the path of the configuration file, for the command line, and a switch of the
/// tests.
const NOT_KEYS: [&str; 2] = ["CONFIG", "BLESS"];

/// The variables of this process. Skips those that are not UTF-8, for which `std::env::vars` panics.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment of the process")]
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl Loading {
    pub(super) fn environment(&mut self, environment: impl Iterator<Item = (String, String)>) {
        let mut known = Vec::new();
        variables(&Config::describe(), "", &mut known);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let ours = |(name, value): (String, String)| Some((name.strip_prefix(PREFIX)?.to_owned(), value));
        let mut found: Vec<(String, String)> = environment.filter_map(ours).collect();
        // Sorted, so that a table is applied before its keys, independent of the order in the environment.
        found.sort();
        for (name, value) in found {
            let place = Place::Environment(format!("{PREFIX}{name}"));
            if known.contains(&name.as_str()) {
                self.take(&nested(&name, value), place);
            } else if !NOT_KEYS.contains(&name.as_str()) {
                self.unknown(&name, place, &known);
            }
        }
    }

    /// Orchestrators set variables such as `HEARTH_SERVICE_HOST` for a service of that name. So an unknown variable is
    /// an error only if its form or a similar name shows that it is meant for Hearth, and a warning otherwise.
    fn unknown(&mut self, name: &str, place: Place, known: &[&str]) {
        let near = nearest(name, known);
        let text = match near {
            Some(near) => format!("unknown variable; did you mean {PREFIX}{near}?"),
            None => "unknown variable; docs/CONFIG.md lists all variables".to_owned(),
        };
        let serious = near.is_some() || name.contains("__");
        let list = if serious { &mut self.problems } else { &mut self.warnings };
        list.push(Problem { place, key: String::new(), text });
    }
}

/// `SERVER__NAME` as the table `server` with the key `name`.
fn nested(name: &str, value: String) -> Found {
    name.rsplit("__")
        .fold(Found::Text(value), |value, key| Found::Table(vec![Entry { key: key.to_lowercase(), line: 0, value }]))
}

/// The names of all variables in a section, without the prefix.
fn variables(section: &Section, path: &str, names: &mut Vec<String>) {
    for key in &section.keys {
        let name = format!("{path}{}", key.name.to_uppercase());
        match &key.shape {
            Shape::Table(inner) => {
                variables(inner, &format!("{name}__"), names);
                // `HEARTH_RATE_LIMITS__LOGIN` takes a table; a variable for a whole section does not exist.
                if !path.is_empty() {
                    names.push(name);
                }
            }
            Shape::Leaf(_) | Shape::Tables(_) => names.push(name),
        }
    }
}
