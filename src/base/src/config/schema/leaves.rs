//! The plain leaves: texts, paths, numbers, yes and no.

use std::borrow::Cow;
use std::path::PathBuf;

use super::{Found, Leaf};

/// A text as TOML.
pub(in crate::config) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Leaf for String {
    fn allowed() -> Cow<'static, str> {
        "a text".into()
    }

    fn read(found: &Found) -> Result<Self, String> {
        found.as_text().map(str::to_owned).ok_or_else(String::new)
    }

    fn toml(&self) -> String {
        quoted(self)
    }
}

impl Leaf for PathBuf {
    fn allowed() -> Cow<'static, str> {
        "a path".into()
    }

    fn read(found: &Found) -> Result<Self, String> {
        found.as_text().filter(|text| !text.is_empty()).map(Self::from).ok_or_else(String::new)
    }

    fn toml(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Leaf for bool {
    const TEXT: bool = false;

    fn allowed() -> Cow<'static, str> {
        "true or false".into()
    }

    fn read(found: &Found) -> Result<Self, String> {
        match found {
            Found::Truth(truth) => Ok(*truth),
            _ => Err(String::new()),
        }
    }

    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Leaf for f64 {
    const TEXT: bool = false;

    fn allowed() -> Cow<'static, str> {
        "a number".into()
    }

    fn read(found: &Found) -> Result<Self, String> {
        match found {
            Found::Number(number) if number.is_finite() => Ok(*number),
            Found::Whole(number) => i32::try_from(*number).map(Self::from).map_err(|_| String::new()),
            _ => Err(String::new()),
        }
    }

    fn toml(&self) -> String {
        format!("{self:?}")
    }
}

/// Whole numbers differ in their range only.
macro_rules! whole_number {
    ($($kind:ty),*) => { $(
        impl Leaf for $kind {
            const TEXT: bool = false;

            fn allowed() -> Cow<'static, str> {
                "a whole number".into()
            }

            fn read(found: &Found) -> Result<Self, String> {
                match found {
                    Found::Whole(number) => Self::try_from(*number)
                        .map_err(|_| format!("it must be between 0 and {}", <$kind>::MAX)),
                    _ => Err(String::new()),
                }
            }

            fn toml(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

whole_number!(u16, u32, u64);
