//! The configuration as a list of settings, for `hearth check-config`.

use super::load::{Place, source_of};
use super::schema::Value;
use super::{Config, Loaded};

/// A key, its value, and where the value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Such as `server.name`.
    pub key: String,
    /// Its value as TOML, with secrets hidden; `None` if it is unset.
    pub value: Option<String>,
    /// Its default as TOML; `None` if it is unset by default.
    pub default: Option<String>,
    /// Where the value comes from.
    pub place: Place,
}

impl Loaded {
    /// All keys, in the order of the reference.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let (mut values, mut defaults) = (Vec::new(), Vec::new());
        self.config.values("", &mut values);
        Config::default().values("", &mut defaults);
        let setting = |((key, value), (_, default)): ((String, Option<String>), (String, Option<String>))| Setting {
            place: source_of(&self.sources, &key).cloned().unwrap_or(Place::Default),
            key,
            value,
            default,
        };
        values.into_iter().zip(defaults).map(setting).collect()
    }
}
