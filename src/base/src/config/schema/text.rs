//! Leaves that are written as text and checked when read.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

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

/// A range of IP addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Whether `address` is in the range. An IPv4-mapped IPv6 address (`::ffff:…`) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Default for Cidr {
    /// The loopback address, the most restrictive range.
    fn default() -> Self {
        Self { address: IpAddr::from([127, 0, 0, 1]), bits: 32 }
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address = address.parse::<IpAddr>().map_err(|_| String::new())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(bits_max), str::parse).map_err(|_| String::new())?;
        if bits > bits_max {
            return Err(format!("there are only {bits_max} bits"));
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

text_value!(Cidr, "an address or a range such as \"192.168.0.0/16\" or \"fd00::/8\"");

#[cfg(test)]
mod tests {
    use super::{BaseUrl, Cidr, Mode};

    #[test]
    fn ranges() {
        let within = |range: &str, address: &str| range.parse::<Cidr>().unwrap().contains(address.parse().unwrap());
        assert!(within("10.0.0.0/8", "10.255.0.1"));
        assert!(!within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(within("0.0.0.0/0", "255.255.255.255"));
        assert!(within("192.168.1.1", "192.168.1.1"));
        assert!(!within("192.168.1.1", "192.168.1.2"));
        assert!(within("fd00::/8", "fdff::1"));
        assert!(!within("::/0", "1.2.3.4"));
        for bad in ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129", "example.org/8"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }

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
