//! Paths of the client-server API with ids in them.

use std::fmt::Write;

/// One segment of a path, percent-encoded.
pub(crate) fn encoded(segment: &(impl AsRef<str> + ?Sized)) -> String {
    let mut out = String::new();
    for byte in segment.as_ref().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes everything");
        }
    }
    out
}

/// A path below `/_matrix/client/v3/`; each `{}` is one segment.
macro_rules! v3 {
    ($format:literal $(, $segment:expr)* $(,)?) => {
        format!(concat!("/_matrix/client/v3/", $format) $(, $crate::harness::encoded(&$segment))*)
    };
}

/// A path below `/_matrix/client/v1/`; each `{}` is one segment.
macro_rules! v1 {
    ($format:literal $(, $segment:expr)* $(,)?) => {
        format!(concat!("/_matrix/client/v1/", $format) $(, $crate::harness::encoded(&$segment))*)
    };
}

pub(crate) use {v1, v3};
