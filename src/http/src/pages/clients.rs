//! The apps that the pages recommend. This is the only place that decides what of them works with this server: change
//! `limit` when the server learns what one needs.

use super::markup::Link;
use super::strings::Strings;

/// An app.
#[derive(Debug)]
pub(crate) struct ChatApp {
    pub(crate) name: &'static str,
    /// Where it runs.
    pub(crate) runs_on: fn(&Strings) -> &'static str,
    /// What a beginner would expect of it and this server does not let it do.
    pub(crate) limit: Option<fn(&Strings) -> &'static str>,
    /// Where to get it.
    home: &'static str,
    /// The login page of the app in a browser. `{server}` and `{user}` are replaced, percent-encoded.
    login: Option<&'static str>,
}

/// The apps, the simplest for beginners first; those with a limit last.
pub(crate) const APPS: &[ChatApp] = &[
    ChatApp {
        name: "FluffyChat",
        runs_on: |strings| strings.phone_and_computer,
        limit: None,
        home: "https://fluffychat.im/",
        login: None,
    },
    ChatApp {
        name: "Element",
        runs_on: |strings| strings.computer_and_browser,
        limit: None,
        home: "https://element.io/download",
        login: Some("https://app.element.io/#/login"),
    },
    ChatApp {
        name: "Cinny",
        runs_on: |strings| strings.computer_and_browser,
        limit: None,
        home: "https://cinny.in/",
        login: Some("https://app.cinny.in/login/{server}/?username={user}"),
    },
    // It logs in with a password where a server has no OAuth 2.0, which is the only way in which it creates accounts.
    ChatApp {
        name: "Element X",
        runs_on: |strings| strings.phone,
        limit: Some(|strings| strings.app_only_signs_in),
        home: "https://element.io/download",
        login: None,
    },
];

impl ChatApp {
    /// Where to get the app.
    pub(crate) fn home(&self) -> Option<Link> {
        Link::parse(self.home)
    }

    /// Where to log in with a browser.
    pub(crate) fn login(&self, server: &str, user: &str) -> Option<Link> {
        let url = self.login?.replace("{server}", &encoded(server)).replace("{user}", &encoded(user));
        Link::parse(&url)
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_app_has_links_that_are_links() {
        for app in APPS {
            assert!(app.home().is_some(), "{}", app.name);
            assert_eq!(app.login("a:1", "x&y").is_some(), app.login.is_some(), "{}", app.name);
        }
        let cinny = APPS.iter().find(|app| app.name == "Cinny").and_then(|app| app.login("a.example:8448", "a/b&c"));
        let wanted = "https://app.cinny.in/login/a.example%3A8448/?username=a%2Fb%26c";
        assert_eq!(cinny, Link::parse(wanted));
    }
}
