//! The language of a page, from `Accept-Language` (RFC 9110, section 12.5.4).

use http::{HeaderMap, header};

use super::strings::{ENGLISH, GERMAN, Strings};

/// A language that the pages are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    German,
}

impl Language {
    /// The preferred one; English where the reader prefers none of them.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        let mut best = (0, Self::English);
        for range in wanted.flat_map(|value| value.split(',')).take(super::LANGUAGES_READ_MAX) {
            let (tag, quality) = range.split_once(';').unwrap_or((range, ""));
            let Some(language) = Self::named(tag.trim()) else { continue };
            let quality = quality_of(quality);
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    fn named(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("de") {
            Some(Self::German)
        } else if primary.eq_ignore_ascii_case("en") || primary == "*" {
            Some(Self::English)
        } else {
            None
        }
    }

    /// The tag for `lang` attributes and `Content-Language`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Its texts.
    pub(crate) fn strings(self) -> &'static Strings {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }
}

/// The quality in thousandths; 1000 without one, 0 for one that cannot be parsed.
fn quality_of(parameter: &str) -> u32 {
    let Some(value) = parameter.trim().strip_prefix("q=") else { return 1_000 };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u32>()) {
        ("0", Ok(thousandths)) => thousandths,
        ("1", Ok(0)) => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_preferred_language_wins() {
        for (header, wanted) in [
            ("de", Language::German),
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("en-GB,en;q=0.9,de;q=0.8", Language::English),
            ("fr, de;q=0.5, en;q=0.4", Language::German),
            ("fr, de;q=0.5, *;q=0.6", Language::English),
            ("de;q=0, en;q=0.1", Language::English),
            ("DE-de;q=1.000", Language::German),
            ("de;q=7", Language::English),
            ("fr", Language::English),
            ("", Language::English),
            ("\"><script>", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(header).expect("a value"));
            assert_eq!(Language::of(&headers), wanted, "{header}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }
}
