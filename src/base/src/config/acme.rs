//! `[acme]`: the certificate that Hearth gets from an authority and renews.

use std::net::IpAddr;
use std::path::PathBuf;

use super::check::Checks;
use super::schema::{choice, section};
use super::{BaseUrl, CertificateSource, Config, Resource, Secret, is_public_name};
use crate::limits::certificates::{ACME_NAMES_MAX, DNS_PROPAGATION_MS_MAX};

/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

section! {
    /// The certificate of listeners with `tls = { source = "acme" }`, which Hearth gets from an authority (RFC 8555) and renews
    /// when two thirds of its lifetime are over. It serves the relay for calls too. To use an authority is to agree to
    /// its terms of service.
    pub struct Acme {
        /// The URL of the authority's directory. By default that of Let's Encrypt.
        directory: BaseUrl = BaseUrl::constant(LETS_ENCRYPT),
        /// The e-mail address at which the authority may write to the administrator.
        email: Option<String> = None => "'alice@example.org'",
        /// The names in the certificate. Empty: the server's name and the host of `server.public_baseurl`.
        names: Vec<String> = Vec::new() => "['example.org', 'matrix.example.org']",
        /// How the authority finds out that the names are this server's. `tls-alpn-01`: it connects to port 443 of each name.
        /// `http-01`: to port 80, where a listener with `resources = ["redirect"]` answers. `dns-01`: it looks for a
        /// record in the DNS, which Hearth adds and removes by dynamic updates (RFC 2136).
        challenge: AcmeChallenge = AcmeChallenge::TlsAlpn01,
        /// Certificates of authorities to trust when talking to the directory, in PEM format, besides the public ones: for a
        /// private authority.
        ca_file: Option<PathBuf> = None => "'/etc/hearth/private-ca.pem'",
        /// The key identifier of an account at the authority, where it wants one (external account binding).
        eab_key_id: Option<String> = None => "'kid-1'",
        /// The HMAC key of that account, in base64url.
        eab_hmac_key: Option<Secret> = None => "'a long random text'",
        /// A file that holds the value of `eab_hmac_key`.
        eab_hmac_key_file: Option<PathBuf> = None => "'/run/secrets/hearth-eab'",
        /// For `dns-01`: the address and port of the primary DNS server, which takes updates over TCP.
        dns_server: Option<String> = None => "'192.0.2.53:53'",
        /// For `dns-01`: the zone that is updated. Unset, the last two labels of the name.
        dns_zone: Option<String> = None => "'example.org'",
        /// For `dns-01`: the name of the TSIG key (RFC 8945) with which updates are signed.
        dns_key_name: Option<String> = None => "'hearth-key'",
        /// For `dns-01`: the algorithm of that key.
        dns_key_algorithm: TsigAlgorithm = TsigAlgorithm::HmacSha256,
        /// For `dns-01`: the secret of that key, in base64.
        dns_key: Option<Secret> = None => "'a long random text'",
        /// A file that holds the value of `dns_key`.
        dns_key_file: Option<PathBuf> = None => "'/run/secrets/hearth-tsig'",
        /// For `dns-01`: how long an update takes to reach all DNS servers of the zone, in milliseconds.
        dns_propagation_ms: u64 = 15_000,
    }
}

choice! {
    /// How a name is proven.
    pub enum AcmeChallenge {
        /// RFC 8737.
        TlsAlpn01 = "tls-alpn-01",
        /// RFC 8555 section 8.3.
        Http01 = "http-01",
        /// RFC 8555 section 8.4.
        Dns01 = "dns-01",
    }
}

choice! {
    /// The hash of a TSIG key.
    pub enum TsigAlgorithm {
        /// With SHA-256.
        HmacSha256 = "hmac-sha256",
        /// With SHA-512.
        HmacSha512 = "hmac-sha512",
    }
}

impl Config {
    /// Whether a listener uses a certificate from this source.
    #[must_use]
    pub fn uses(&self, source: CertificateSource) -> bool {
        self.listeners.iter().any(|listener| listener.tls.as_ref().is_some_and(|tls| tls.source == source))
    }

    /// The names that a certificate of this server needs, without ports: `acme.names`, or the server's name and the host
    /// at which clients reach it. Lower case, each once; addresses without brackets.
    #[must_use]
    pub fn certificate_names(&self) -> Vec<String> {
        let own = [host(&self.server.name), host(&self.public_baseurl())];
        let names = if self.acme.names.is_empty() { own.to_vec() } else { self.acme.names.clone() };
        let mut unique: Vec<String> = Vec::new();
        for name in names.iter().map(|name| name.to_ascii_lowercase()) {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        unique
    }

    pub(super) fn check_acme(&self, checks: &mut Checks) {
        let acme = &self.acme;
        acme.check(checks);
        if !self.uses(CertificateSource::Acme) {
            return;
        }
        let names = self.certificate_names();
        for name in names.iter().filter(|name| name.parse::<IpAddr>().is_ok() || name.contains([':', '/'])) {
            let text = format!("{name} is not a domain name; set `acme.names`, or use the source `self-signed`");
            checks.require(false, "acme.names", text);
        }
        let reserved = names.iter().find(|name| !is_public_name(name));
        checks.warn_if(
            acme.directory.as_str() == LETS_ENCRYPT && reserved.is_some(),
            "acme.directory",
            format!(
                "{} is not a name of the internet: Let's Encrypt refuses it",
                reserved.cloned().unwrap_or_default()
            ),
        );
        let most = format!("expected at most {ACME_NAMES_MAX} names");
        checks.require(names.len() <= ACME_NAMES_MAX, "acme.names", most);
        let wildcard = names.iter().any(|name| name.starts_with("*."));
        checks.require(
            !wildcard || acme.challenge == AcmeChallenge::Dns01,
            "acme.challenge",
            "a name with `*` can only be proven by `dns-01`",
        );
        let redirects = self.listeners.iter().any(|listener| listener.resources.contains(&Resource::Redirect));
        checks.require(
            acme.challenge != AcmeChallenge::Http01 || redirects,
            "acme.challenge",
            "`http-01` needs a listener on port 80 with `resources = [\"redirect\"]`",
        );
    }
}

impl Acme {
    fn check(&self, checks: &mut Checks) {
        let address = self.email.as_deref().is_none_or(|address| address.contains('@') && !address.contains(':'));
        checks.require(address, "acme.email", "expected an e-mail address");
        let https = self.directory.as_str().starts_with("https://");
        checks.require(https, "acme.directory", "expected a URL that starts with `https://`");
        if let Some(path) = &self.ca_file {
            checks.file("acme.ca_file", path);
        }
        let both = self.eab_key_id.is_some() == self.eab_hmac_key.is_some();
        checks.require(
            both,
            "acme.eab_key_id",
            "needs `acme.eab_hmac_key` or `acme.eab_hmac_key_file`, and they need it",
        );
        checks.within("acme.dns_propagation_ms", self.dns_propagation_ms, 0..=DNS_PROPAGATION_MS_MAX);
        if self.challenge != AcmeChallenge::Dns01 {
            return;
        }
        let server = self.dns_server.as_deref().is_some_and(|server| server.parse::<std::net::SocketAddr>().is_ok());
        checks.require(server, "acme.dns_server", "`dns-01` needs the address and port of the primary DNS server");
        checks.require(self.dns_key_name.is_some(), "acme.dns_key_name", "`dns-01` needs the name of a TSIG key");
        checks.require(self.dns_key.is_some(), "acme.dns_key", "`dns-01` needs `acme.dns_key` or `acme.dns_key_file`");
    }
}

/// The host of a URL or a server name, without port and brackets.
pub(super) fn host(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    bracketed.map_or_else(|| authority.split(':').next().unwrap_or_default(), |(address, _)| address).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Listener, Tls};

    fn with_acme(change: impl FnOnce(&mut Config)) -> Config {
        let tls = Some(Tls { source: CertificateSource::Acme, ..Tls::default() });
        let mut config = Config { listeners: vec![Listener { tls, ..Listener::default() }], ..Config::default() };
        config.server.name = "hearth.family:8448".to_owned();
        change(&mut config);
        config
    }

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        with_acme(change).validate().map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn the_names_are_those_that_clients_and_servers_use() {
        let names = |change: fn(&mut Config)| with_acme(change).certificate_names();
        assert_eq!(names(|_| ()), ["hearth.family"]);
        let delegated =
            names(|config| config.server.public_baseurl = "https://Matrix.hearth.family:8443/x".parse().ok());
        assert_eq!(delegated, ["hearth.family", "matrix.hearth.family"]);
        assert_eq!(names(|config| config.acme.names = vec!["a.b".into(), "A.b".into()]), ["a.b"]);
        assert_eq!(names(|config| config.server.name = "[2001:db8::1]:8448".to_owned()), ["2001:db8::1"]);
    }

    #[test]
    fn other_servers_are_led_to_the_host_of_the_url() {
        let told = |name: &str, url: &str| {
            let mut config = with_acme(|config| config.server.name = name.to_owned());
            config.server.public_baseurl = url.parse().ok();
            config.well_known_server()
        };
        assert_eq!(told("a.family", "").as_deref(), None);
        assert_eq!(told("a.family", "https://A.family/x"), None);
        assert_eq!(told("a.family:8448", "https://a.family"), None);
        assert_eq!(told("a.family", "https://m.a.family").as_deref(), Some("m.a.family:443"));
        assert_eq!(told("a.family", "https://m.a.family:8443/x").as_deref(), Some("m.a.family:8443"));
        assert_eq!(told("a.family", "http://m.a.family"), None);
    }

    #[test]
    fn what_no_authority_can_prove_is_refused() {
        assert_eq!(refused(|_| ()), "");
        assert!(refused(|config| config.server.name = "192.0.2.1".to_owned()).contains("not a domain name"));
        assert!(refused(|config| config.acme.names = vec!["*.a.b".to_owned()]).contains("dns-01"));
        assert!(refused(|config| config.acme.challenge = AcmeChallenge::Http01).contains("port 80"));
        assert!(refused(|config| config.acme.challenge = AcmeChallenge::Dns01).contains("TSIG"));
        assert!(refused(|config| config.acme.eab_key_id = Some("k".to_owned())).contains("eab_hmac_key"));
        assert!(refused(|config| config.acme.directory = "http://ca.b/x".parse().unwrap()).contains("https"));
    }
}
