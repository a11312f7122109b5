//! `[url_previews]`: what is behind a link, shown below a message.

use super::check::Checks;
use super::schema::section;

section! {
    /// Previews of links: title, description and picture of a page, which clients show below a message. The server fetches
    /// the page, so that the page does not learn who reads the message; but it learns that someone on this server does, and
    /// this server learns which links are in encrypted rooms if a client asks for those.
    pub struct UrlPreviews {
        /// Hosts of pages that are fetched. `*` stands for any characters and `?` for one, so `*` alone for all hosts. Empty:
        /// no previews. The hosts of redirects have to be in this list as well; pictures may be anywhere on the internet.
        domains: Vec<String> = Vec::new() => "['example.org', '*.example.org']",
        /// How much of a page is read, in KiB. What a preview needs is near the beginning.
        max_page_kib: u32 = 1_024,
        /// The largest picture that is fetched, in MiB. It is stored at 800 by 600 pixels or less.
        max_image_mib: u32 = 8,
        /// How long a preview is kept, in hours. Then the page is fetched again.
        cache_hours: u32 = 24,
        /// The size of the cache of previews, in MiB. The oldest ones are deleted first.
        cache_mib: u32 = 256,
    }
}

impl UrlPreviews {
    /// Whether there are previews at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.domains.is_empty()
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        for (index, domain) in self.domains.iter().enumerate() {
            let key = format!("url_previews.domains[{index}]");
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._*?:[]".contains(c);
            checks.require(
                !domain.is_empty() && domain.chars().all(good),
                &key,
                format!("expected a host in lower case, such as example.org or *.example.org, found {domain:?}"),
            );
        }
        checks.within("url_previews.max_page_kib", self.max_page_kib, 16..=16 * 1024);
        checks.within("url_previews.max_image_mib", self.max_image_mib, 1..=64);
        checks.within("url_previews.cache_hours", self.cache_hours, 1..=24 * 365);
        checks.within("url_previews.cache_mib", self.cache_mib, 1..=1024 * 1024);
    }
}
