//! `[livekit]`: the SFU for group calls, a separate program.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Secret;
use super::check::Checks;
use super::schema::{section, text_value};

/// LiveKit warns about shorter secrets.
const SECRET_CHARS_MIN: usize = 32;
/// A larger file is not a key file.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

section! {
    /// Group calls (Element Call, Element X; MatrixRTC) need a LiveKit SFU, a separate program that forwards audio and
    /// video. Hearth authorizes its users, so the authorization service of Element Call's documentation is not needed.
    pub struct LiveKit {
        /// The address of the SFU. `wss://`: clients connect to it directly. `ws://`: it runs on the same machine
        /// without a certificate, and clients reach it through Hearth. Unset: no group calls.
        address: Option<SfuUrl> = None => "'ws://127.0.0.1:7880'",
        /// The API key shared with the SFU, as `NAME: SECRET`.
        key: Option<Secret> = None => "'hearth: a long random text'",
        /// A file with the key: LiveKit's own `key_file`, so that both programs use one file. If it has several keys,
        /// the first is used.
        key_file: Option<PathBuf> = None => "'/etc/livekit/keys.yaml'",
    }
}

/// A `ws` or `wss` URL without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SfuUrl(String);

impl SfuUrl {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has no TLS. Then only this machine can reach it, and Hearth forwards connections of clients.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.starts_with("ws://")
    }

    /// The same URL with the scheme `http` or `https`, for API requests.
    #[must_use]
    pub fn http(&self) -> String {
        self.0.replacen("ws", "http", 1)
    }
}

impl FromStr for SfuUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("wss://").or_else(|| text.strip_prefix("ws://")).unwrap_or_default();
        if rest.is_empty() || rest.starts_with(['/', ':']) || rest.contains(|c: char| "?#@\\".contains(c) || c <= ' ') {
            return Err(String::new());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for SfuUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_value!(SfuUrl, "a URL such as \"ws://127.0.0.1:7880\" or \"wss://sfu.example.org\"");

impl LiveKit {
    /// Name and secret of the key; `None` without a valid key.
    #[must_use]
    pub fn key_pair(&self) -> Option<(&str, &str)> {
        pair(self.key.as_ref()?.reveal())
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        let missing = "needs `livekit.key_file`: a file with the line `NAME: SECRET`, the same as LiveKit has";
        checks.require(self.address.is_none() || self.key.is_some(), "livekit.address", missing);
        checks.warn_if(
            self.address.is_none() && self.key.is_some(),
            "livekit.key",
            "not used, because `livekit.address` is unset",
        );
        checks.require(
            self.key.is_none() || self.key_pair().is_some(),
            "livekit.key",
            "expected the name of the key, a colon, a space and its secret: `NAME: SECRET`",
        );
        checks.warn_if(
            self.key_pair().is_some_and(|(_, secret)| secret.chars().count() < SECRET_CHARS_MIN),
            "livekit.key",
            format!("the secret has fewer than {SECRET_CHARS_MIN} characters; `openssl rand -hex 32` makes a good one"),
        );
        if let Some(path) = self.key_file.as_deref().filter(|path| others_may_read(path)) {
            let path = path.display();
            let text = format!("every user of this machine can read {path}, so LiveKit refuses it: `chmod o= {path}`");
            checks.warn_if(true, "livekit.key_file", text);
        }
    }
}

/// The first key of a LiveKit key file: YAML, one `NAME: SECRET` per line.
pub(super) fn read_key(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|error| format!("{shown} cannot be read: {error}"))?.len();
    if size > KEY_FILE_BYTES_MAX {
        return Err(format!("{shown} is not a key file: it is larger than {KEY_FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    let line = line.ok_or_else(|| format!("{shown} is empty; expected a line `NAME: SECRET`"))?;
    // The error does not show the line, which is probably a secret.
    pair(line).map(|_| Secret::new(line)).ok_or_else(|| format!("{shown} has no line `NAME: SECRET`"))
}

/// Parses `NAME: SECRET`, each with or without quotes.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (name, secret) = line.trim().split_once(": ")?;
    let (name, secret) = (bare(name), bare(secret));
    (!name.is_empty() && !secret.is_empty() && !name.contains(' ') && !secret.contains(' ')).then_some((name, secret))
}

fn bare(text: &str) -> &str {
    let text = text.trim();
    let within = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let good = |text: &str| text.parse::<SfuUrl>().unwrap();
        assert_eq!(good("wss://sfu.example.org/").as_str(), "wss://sfu.example.org");
        assert_eq!(good("wss://example.org/sfu").http(), "https://example.org/sfu");
        assert_eq!(good("ws://127.0.0.1:7880").http(), "http://127.0.0.1:7880");
        assert!(good("ws://[::1]:7880").is_plain() && !good("wss://ws.example").is_plain());
        for bad in ["", "ws://", "https://a", "ws://:7880", "ws:///rtc", "ws://a b", "wss://a?b", "wss://a@b"] {
            assert!(bad.parse::<SfuUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_read() {
        assert_eq!(pair("devkey: secret"), Some(("devkey", "secret")));
        assert_eq!(pair("  \"devkey\": 'sec:ret' "), Some(("devkey", "sec:ret")));
        for bad in ["", "devkey", "devkey:", "devkey: ", ": secret", "two words: secret", "a: two words", "a:secret"] {
            assert_eq!(pair(bad), None, "{bad}");
        }
    }
}
