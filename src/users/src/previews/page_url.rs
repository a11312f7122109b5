//! URLs of pages: which there can be, and of which hosts.

use hearth_base::config::UrlPreviews;
use hearth_base::limits::users::PREVIEW_URL_BYTES_MAX;
use hearth_base::{Error, Result};
use hearth_rooms::acl::glob_matches;
use hearth_store::tables::media::Hash;
use sha2::{Digest, Sha256};
use url::Url;

/// The URL of a page or an image: over HTTP, with a host, without a user and without a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageUrl(Url);

impl PageUrl {
    /// Parses a URL. Refuses with `M_INVALID_PARAM`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        if text.len() > PREVIEW_URL_BYTES_MAX {
            return Err(Error::invalid(format!("A URL can have {PREVIEW_URL_BYTES_MAX} bytes at most here.")));
        }
        let url = Url::parse(text).map_err(|error| Error::invalid(format!("This is not a URL: {error}.")))?;
        Self::of(url)
    }

    /// The URL that a page names in a redirect or as its image.
    pub(super) fn join(&self, reference: &str) -> Result<Self> {
        if reference.len() > PREVIEW_URL_BYTES_MAX {
            return Err(Error::invalid("The page names a URL that is too long."));
        }
        let url = self.0.join(reference).map_err(|error| Error::invalid(format!("The page names no URL: {error}.")))?;
        Self::of(url)
    }

    fn of(mut url: Url) -> Result<Self> {
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(Error::invalid("There are previews only of http and https URLs."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid("There are no previews of URLs with a user name."));
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// Refuses with `M_FORBIDDEN` hosts that the operator has not listed.
    pub(super) fn check_host(&self, config: &UrlPreviews) -> Result<()> {
        let host = self.0.host_str().unwrap_or_default();
        // The dot of a fully qualified name makes no other host.
        let host = host.strip_suffix('.').unwrap_or(host);
        if config.domains.iter().any(|glob| glob_matches(glob, host)) {
            return Ok(());
        }
        Err(Error::forbidden(format!("There are no previews of pages at {host} on this server.")))
    }

    /// Whether going from here to `next` gives up TLS.
    pub(super) fn is_downgraded_by(&self, next: &Self) -> bool {
        self.0.scheme() == "https" && next.0.scheme() != "https"
    }

    /// The URL as text.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// SHA-256 of the URL.
    pub(super) fn hash(&self) -> Hash {
        Sha256::digest(self.0.as_str().as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(domains: &[&str]) -> UrlPreviews {
        UrlPreviews { domains: domains.iter().map(|&domain| domain.to_owned()).collect(), ..UrlPreviews::default() }
    }

    #[test]
    fn what_is_no_page_is_refused() {
        let long = format!("https://a.example/{}", "x".repeat(PREVIEW_URL_BYTES_MAX));
        for bad in [
            "",
            "a.example",
            "/a",
            "ftp://a.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:,x",
            "https://",
            "https://user@a.example/",
            "https://:word@a.example/",
            long.as_str(),
        ] {
            assert!(PageUrl::parse(bad).is_err(), "{bad}");
        }
        let url = PageUrl::parse("HTTPS://A.example:443/b?c=d#e").expect("a URL");
        assert_eq!(url.as_str(), "https://a.example/b?c=d");
        assert_eq!(url.join("//b.example/x").expect("a URL").as_str(), "https://b.example/x");
        assert_eq!(url.join("../i.png").expect("a URL").as_str(), "https://a.example/i.png");
        assert!(url.join("data:image/png;base64,AAAA").is_err());
        assert!(url.is_downgraded_by(&url.join("http://a.example/").expect("a URL")));
    }

    #[test]
    fn hosts_are_those_of_the_list() {
        for (host, allowed) in [
            ("example.org", true),
            ("EXAMPLE.org", true),
            ("example.org.", true),
            ("a.example.org", false),
            ("a.example.net", true),
            ("example.net", false),
            ("example.org.evil.example", false),
            ("127.0.0.1", false),
        ] {
            let url = PageUrl::parse(&format!("https://{host}/")).expect("a URL");
            let checked = url.check_host(&config(&["example.org", "*.example.net"]));
            assert_eq!(checked.is_ok(), allowed, "{host}");
            assert!(url.check_host(&config(&["*"])).is_ok() && url.check_host(&config(&[])).is_err());
        }
    }
}
