//! The cache lifetime of a response from its headers (RFC 9111, as far as one public document needs it).

use std::time::Duration;

use http::{HeaderMap, header};

/// The lifetime that the headers specify; `None` without cache headers.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let age = seconds(headers.get(header::AGE).and_then(|value| value.to_str().ok()).unwrap_or("0")).unwrap_or(0);
    let mut lifetime = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return Some(Duration::ZERO),
                "max-age" => lifetime = seconds(argument.trim().trim_matches('"')),
                _ => {}
            }
        }
    }
    lifetime.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

/// Whole seconds; a number too large for the type saturates.
fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(lines: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a header value"));
        }
        of(&headers).map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn headers_say_how_long() {
        assert_eq!(lifetime(&[]), None);
        assert_eq!(lifetime(&[("cache-control", "public")]), None);
        assert_eq!(lifetime(&[("cache-control", "public, Max-Age=3600")]), Some(3_600));
        assert_eq!(lifetime(&[("cache-control", "max-age=\"60\""), ("age", "20")]), Some(40));
        assert_eq!(lifetime(&[("cache-control", "max-age=10"), ("age", "20")]), Some(0));
        assert_eq!(lifetime(&[("cache-control", "max-age=60"), ("cache-control", "no-store")]), Some(0));
        assert_eq!(lifetime(&[("cache-control", "max-age=-1")]), None);
        assert_eq!(lifetime(&[("cache-control", "max-age=99999999999999999999999")]), Some(u64::from(u32::MAX)));
    }
}
