//! `[server]`: the identity of this server, and its data folder.

use std::path::PathBuf;

use super::check::Checks;
use super::schema::section;
use super::{BaseUrl, Cidr, check_server_name};

section! {
    /// The identity of this server, and its data folder.
    pub struct Server {
        /// The part after the colon in `@alice:example.org`. It cannot be changed once there are accounts. A domain
        /// name, an IPv4 address or an IPv6 address in brackets; a port may follow.
        name: String = "localhost".to_owned(),
        /// The folder of all persistent data: database, media, keys. Relative to the folder in which Hearth starts.
        data_dir: PathBuf = "./data".into(),
        /// Whether devices in the local network reach the server: the default listener then has the address
        /// `0.0.0.0:8008`. `hearth serve --lan` sets it. With listeners of your own, it has no effect.
        lan: bool = false,
        /// The URL at which clients reach this server. Unset, it is `https://` and the server's name; for a name that is
        /// not public, such as `localhost`, the address of this machine that the client has used.
        public_baseurl: Option<BaseUrl> = None => "'https://matrix.example.org'",
        /// The host and port for other homeservers, if that is not port 8448 of the server's name. Published at
        /// `/.well-known/matrix/server`. Unset, it is that of `public_baseurl` if its host is not that of the name.
        well_known_server: Option<String> = None => "'matrix.example.org:443'",
        /// The Matrix id of the administrator, published at `/.well-known/matrix/support`.
        support_admin: Option<String> = None => "'@alice:example.org'",
        /// The e-mail address of the administrator, published there as well.
        support_email: Option<String> = None => "'alice@example.org'",
        /// The Matrix id to report security problems to, published there as well.
        support_security: Option<String> = None => "'@alice:example.org'",
        /// The e-mail address to report security problems to, published there as well.
        support_security_email: Option<String> = None => "'security@example.org'",
        /// A page with help for users of this server, published there as well.
        support_page: Option<String> = None => "'https://example.org/help'",
        /// The reverse proxies whose `X-Forwarded-For` is trusted. From other addresses it is ignored, because any
        /// client can send one. Connections over a Unix socket are always trusted.
        trusted_proxies: Vec<Cidr> = Vec::new() => "['127.0.0.1', '172.16.0.0/12']",
        /// Whether Hearth asks the router to forward its ports from the internet (PCP, NAT-PMP or UPnP, IPv4), and asks again
        /// before they end: those of the listeners and of the relay, of which at most 256 ports. For a machine at home.
        forward_ports: bool = false,
        /// How long requests in progress may take to finish when the server stops, in milliseconds.
        graceful_stop_ms: u64 = 4_000,
    }
}

impl Server {
    /// Whether clients reach the server by an address of this machine rather than by one URL for all.
    #[must_use]
    pub fn is_reached_by_address(&self) -> bool {
        self.public_baseurl.is_none() && (self.lan || !self.has_public_name())
    }

    /// Whether the name is one that other servers and the internet can resolve, unlike `localhost` or an address.
    #[must_use]
    pub fn has_public_name(&self) -> bool {
        super::turn::is_public_name(&self.name)
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        if let Err(why) = check_server_name(&self.name) {
            checks.require(false, "server.name", why);
        }
        if let Some(Err(why)) = self.well_known_server.as_deref().map(check_server_name) {
            checks.require(false, "server.well_known_server", why);
        }
        for (key, id) in
            [("server.support_admin", &self.support_admin), ("server.support_security", &self.support_security)]
        {
            let good = id.as_deref().is_none_or(|id| id.starts_with('@') && id.contains(':'));
            checks.require(good, key, "expected a Matrix id such as `@alice:example.org`");
        }
        for (key, address) in [
            ("server.support_email", &self.support_email),
            ("server.support_security_email", &self.support_security_email),
        ] {
            let good = address.as_deref().is_none_or(|address| address.contains('@'));
            checks.require(good, key, "expected an e-mail address");
        }
        let page = self.support_page.as_deref();
        let good = page.is_none_or(|page| page.starts_with("https://") || page.starts_with("http://"));
        checks.require(good, "server.support_page", "expected a URL that starts with `https://`");
    }
}
