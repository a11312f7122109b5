//! Leaves that are written as text and checked when read.

use std::fmt;
use std::str::FromStr;

use hearth_net::{Cidr, CidrError};

/// Makes a type with `FromStr` and `Display` a leaf.
macro_rules! text_value {
    ($kind:ty, $allowed:literal) => {
        impl $crate::config::schema::Leaf for $kind {
            fn allowed() -> std::borrow::Cow<'static, str> {
                $allowed.into()
            }

            fn read(found: &$crate::config::schema::Found) -> Result<Self, String> {
                found.as_text().ok_or_else(String::new)?.parse()
            }

            fn toml(&self) -> String {
                $crate::config::schema::quoted(&self.to_string())
            }
        }
    };
}

pub(in crate::config) use text_value;

/// A secret. Its `Debug` output and its TOML form are `<hidden>`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl super::Leaf for Secret {
    const HIDDEN: bool = true;

    fn allowed() -> std::borrow::Cow<'static, str> {
        "a text that is not empty".into()
    }

    fn read(found: &super::Found) -> Result<Self, String> {
        found.as_text().filter(|text| !text.is_empty()).map(Self::new).ok_or_else(String::new)
    }

    fn toml(&self) -> String {
        super::quoted("<hidden>")
    }
}

/// Permission bits of a socket file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode(pub u32);

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o777).map(Self).ok_or_else(String::new)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

text_value!(Mode, "octal permission bits in quotes, such as \"0660\"");

/// An `http` or `https` URL without a slash at its end, to which paths are appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// A URL that this program knows: it is not checked.
    pub(in crate::config) fn constant(url: &'static str) -> Self {
        Self(url.to_owned())
    }

    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        if rest.is_empty() || rest.starts_with('/') || rest.contains(|c: char| "?#@\\".contains(c) || c <= ' ') {
            return Err(String::new());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_value!(BaseUrl, "a URL such as \"https://matrix.example.org\"");

impl super::Leaf for Cidr {
    fn allowed() -> std::borrow::Cow<'static, str> {
        "an address or a range such as \"192.168.0.0/16\" or \"fd00::/8\"".into()
    }

    fn read(found: &super::Found) -> Result<Self, String> {
        found.as_text().ok_or_else(String::new)?.parse().map_err(|error| match error {
            // What is allowed is shown anyway.
            CidrError::Syntax => String::new(),
            CidrError::Bits(_) => error.to_string(),
        })
    }

    fn toml(&self) -> String {
        super::quoted(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{BaseUrl, Mode};

    #[test]
    fn base_urls() {
        assert_eq!("https://a.example/x/".parse::<BaseUrl>().unwrap().as_str(), "https://a.example/x");
        for bad in ["", "a.example", "ftp://a", "https://", "https:///a", "https://a?b", "https://u:p@a", "https://a b"]
        {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn modes() {
        assert_eq!("0660".parse::<Mode>().unwrap().to_string(), "0660");
        for bad in ["", "888", "1777", "rw"] {
            assert!(bad.parse::<Mode>().is_err(), "{bad}");
        }
    }
}
