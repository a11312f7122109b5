//! Types of values and their parsers. A pass over a source collects all mistakes, not only the first.

use std::borrow::Cow;

use super::{Found, Shape};
use crate::config::load::{Place, Problem, nearest};

/// A type of values: a leaf, a section, a list of either, or an option of one of them.
pub(in crate::config) trait Value {
    /// Its description in the reference.
    fn shape() -> Shape;
    /// Sets the value from a source, or reports the mistake. A section changes only the keys that the source contains.
    fn set(&mut self, found: &Found, reading: &mut Reading);
    /// The value as TOML, with secrets hidden; `None` if unset.
    fn to_toml(&self) -> Option<String>;

    /// Adds the value, or for a section its keys, as TOML. `key` is the path to it.
    fn values(&self, key: &str, values: &mut Vec<(String, Option<String>)>) {
        values.push((key.to_owned(), self.to_toml()));
    }
}

/// A value without keys of its own.
pub(in crate::config) trait Leaf: Sized {
    /// Whether the text of an environment variable is the value itself, not TOML.
    const TEXT: bool = true;
    /// Whether error messages must not contain the value.
    const HIDDEN: bool = false;
    /// The allowed values, to follow "expected" in an error.
    fn allowed() -> Cow<'static, str>;
    /// Parses the value. An error is a message, or empty if the allowed values say enough.
    fn read(found: &Found) -> Result<Self, String>;
    /// The value as TOML.
    fn toml(&self) -> String;
}

/// A pass over one source: the file or an environment variable.
pub(in crate::config) struct Reading {
    /// The place of the current key.
    place: Place,
    path: String,
    /// The keys that the source sets, with their places.
    pub(in crate::config) keys: Vec<(String, Place)>,
    /// Mistakes found so far.
    pub(in crate::config) problems: Vec<Problem>,
}

impl Reading {
    pub(in crate::config) fn new(place: Place) -> Self {
        Self { place, path: String::new(), keys: Vec::new(), problems: Vec::new() }
    }

    /// Passes each key of a table to `set`, and reports keys that are not in `known`.
    pub(in crate::config) fn table(
        &mut self,
        found: &Found,
        known: &[&str],
        mut set: impl FnMut(&str, &Found, &mut Self),
    ) {
        let found = self.evaluated(found);
        let Found::Table(entries) = &*found else {
            return self.refuse(format!("expected a table with {}, found {}", known.join(", "), found.shown()));
        };
        for entry in entries {
            let outer = self.place.clone();
            self.place.move_to(entry.line);
            self.deeper(&format!(".{}", entry.key), |reading| {
                if known.contains(&entry.key.as_str()) {
                    set(&entry.key, &entry.value, reading);
                } else {
                    reading.refuse(match nearest(&entry.key, known) {
                        Some(near) => format!("unknown key; did you mean `{near}`?"),
                        None => format!("unknown key; known here: {}", known.join(", ")),
                    });
                }
            });
            self.place = outer;
        }
    }

    fn deeper(&mut self, step: &str, then: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(if length == 0 { step.trim_start_matches('.') } else { step });
        then(self);
        self.path.truncate(length);
    }

    fn refuse(&mut self, text: String) {
        self.problems.push(Problem { place: self.place.clone(), key: self.path.clone(), text });
    }

    /// Records that the source sets the current key.
    fn taken(&mut self) {
        self.keys.push((self.path.clone(), self.place.clone()));
    }

    /// The value. In an environment variable, values other than text are TOML; text that is not valid TOML stays text,
    /// and is then refused.
    fn evaluated<'f>(&self, found: &'f Found) -> Cow<'f, Found> {
        match (&self.place, found) {
            (Place::Environment(_), Found::Text(text)) => Found::value(text).map_or(Cow::Borrowed(found), Cow::Owned),
            _ => Cow::Borrowed(found),
        }
    }
}

impl<T: Leaf> Value for T {
    fn shape() -> Shape {
        Shape::Leaf(T::allowed())
    }

    fn set(&mut self, found: &Found, reading: &mut Reading) {
        let found = if T::TEXT { Cow::Borrowed(found) } else { reading.evaluated(found) };
        match T::read(&found) {
            Ok(value) => {
                *self = value;
                reading.taken();
            }
            Err(_) if T::HIDDEN => reading.refuse(format!("expected {}", T::allowed())),
            Err(why) if why.is_empty() => {
                reading.refuse(format!("expected {}, found {}", T::allowed(), found.shown()));
            }
            Err(why) => reading.refuse(format!("expected {}, found {}: {why}", T::allowed(), found.shown())),
        }
    }

    fn to_toml(&self) -> Option<String> {
        Some(self.toml())
    }
}

impl<T: Value + Default> Value for Option<T> {
    fn shape() -> Shape {
        T::shape()
    }

    fn set(&mut self, found: &Found, reading: &mut Reading) {
        if matches!((&reading.place, found), (Place::Environment(_), Found::Text(text)) if text.is_empty()) {
            *self = None;
            return reading.taken();
        }
        let known = reading.problems.len();
        let mut value = self.take().unwrap_or_default();
        value.set(found, reading);
        *self = (reading.problems.len() == known).then_some(value);
        reading.taken();
    }

    fn to_toml(&self) -> Option<String> {
        self.as_ref().and_then(T::to_toml)
    }
}

impl<T: Value + Default> Value for Vec<T> {
    fn shape() -> Shape {
        match T::shape() {
            Shape::Leaf(allowed) => Shape::Leaf(format!("a list, each {allowed}").into()),
            Shape::Table(section) | Shape::Tables(section) => Shape::Tables(section),
        }
    }

    fn set(&mut self, found: &Found, reading: &mut Reading) {
        let found = reading.evaluated(found);
        let Found::List(items) = &*found else {
            return reading.refuse(format!("expected a list such as [\"…\"], found {}", found.shown()));
        };
        self.clear();
        reading.taken();
        for (index, item) in items.iter().enumerate() {
            let mut value = T::default();
            reading.deeper(&format!("[{index}]"), |reading| value.set(item, reading));
            self.push(value);
        }
    }

    fn to_toml(&self) -> Option<String> {
        let items: Vec<_> = self.iter().filter_map(T::to_toml).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}
