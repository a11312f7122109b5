//! `[server]`: who this server is and where it keeps its things.

use std::path::PathBuf;

use super::schema::section;
use super::{BaseUrl, Cidr};

section! {
    /// Who this server is and where it keeps its things.
    pub struct Server {
        /// The part after the colon in `@alice:example.org`. It cannot be changed once there are accounts. A domain name,
        /// an IPv4 address or an IPv6 address in brackets; a port may follow.
        name: String = "localhost".to_owned(),
        /// The folder for everything that is kept: database, media, keys. Relative to where Hearth is started.
        data_dir: PathBuf = "./data".into(),
        /// The URL at which clients reach this server from outside. Unset, it is `https://` and the server's name.
        public_baseurl: Option<BaseUrl> = None => "'https://matrix.example.org'",
        /// The host and port that other homeservers are sent to, if that is not port 8448 of the server's name. Hearth
        /// says so at `/.well-known/matrix/server`.
        well_known_server: Option<String> = None => "'matrix.example.org:443'",
        /// The Matrix id of whoever runs this server, published at `/.well-known/matrix/support`.
        support_admin: Option<String> = None => "'@alice:example.org'",
        /// The e-mail address of whoever runs this server, published there as well.
        support_email: Option<String> = None => "'alice@example.org'",
        /// The Matrix id to report security problems to, published there as well.
        support_security: Option<String> = None => "'@alice:example.org'",
        /// The e-mail address to report security problems to, published there as well.
        support_security_email: Option<String> = None => "'security@example.org'",
        /// A page with help for users of this server, published there as well.
        support_page: Option<String> = None => "'https://example.org/help'",
        /// The reverse proxies whose `X-Forwarded-For` is believed. Anyone else's is ignored, because anyone can write
        /// one. Connections over a Unix socket are always believed.
        trusted_proxies: Vec<Cidr> = Vec::new() => "['127.0.0.1', '172.16.0.0/12']",
        /// How long requests that are under way may take to finish when the server stops, in milliseconds.
        graceful_stop_ms: u64 = 10_000,
    }
}
