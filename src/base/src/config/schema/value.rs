//! What a key can hold and how it is read: a pass over one source collects everything that is wrong, not the first.

use std::borrow::Cow;

use super::{Found, Shape};
use crate::config::load::{Place, Problem, nearest};

/// Anything a key can hold: a leaf, a section, a list of either, or one of them or nothing.
pub(in crate::config) trait Value {
    /// For the reference.
    fn shape() -> Shape;
    /// Takes what a source says, or reports why it cannot. A section changes only what the source names.
    fn set(&mut self, found: &Found, reading: &mut Reading);
    /// The value as TOML, with secrets hidden; `None` if unset.
    fn to_toml(&self) -> Option<String>;

    /// Names the value, or what is in it, and gives it as TOML: `key` is the way here.
    fn values(&self, key: &str, values: &mut Vec<(String, Option<String>)>) {
        values.push((key.to_owned(), self.to_toml()));
    }
}

/// A value that is taken or refused as a whole.
pub(in crate::config) trait Leaf: Sized {
    /// Whether an environment variable's text is the value as it stands, rather than TOML.
    const TEXT: bool = true;
    /// Whether the value must not be shown, not even when it is wrong.
    const HIDDEN: bool = false;
    /// What is allowed, to follow "expected".
    fn allowed() -> Cow<'static, str>;
    /// The value; or what is wrong with it, empty if there is no more to say than what is allowed.
    fn read(found: &Found) -> Result<Self, String>;
    /// The value as TOML.
    fn toml(&self) -> String;
}

/// A pass over one source: a file, or an environment variable.
pub(in crate::config) struct Reading {
    /// The place of the key at hand.
    place: Place,
    path: String,
    /// The keys that the source sets, and where.
    pub(in crate::config) keys: Vec<(String, Place)>,
    /// What is wrong.
    pub(in crate::config) problems: Vec<Problem>,
}

impl Reading {
    pub(in crate::config) fn new(place: Place) -> Self {
        Self { place, path: String::new(), keys: Vec::new(), problems: Vec::new() }
    }

    /// Hands each key of a table to `set`, and reports those that are not among `known`.
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

    /// Notes that the source sets the key at hand.
    fn taken(&mut self) {
        self.keys.push((self.path.clone(), self.place.clone()));
    }

    /// The value itself: in an environment variable, anything that is not a text is written as TOML.
    /// Text that is no TOML stays text, and is refused as such.
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
