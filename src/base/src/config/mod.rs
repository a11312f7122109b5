//! The configuration: one struct per section. With the defaults alone, a server runs on this machine. A key is declared
//! once, with the `section!` macro, in the file of its section. The struct, its default, its parser and the reference
//! in `docs/CONFIG.md` are all derived from that. Each section's `check` decides which combinations of values are
//! valid. Nothing here opens sockets, databases or logs.

mod check;
mod load;
mod reference;
mod schema;
mod server_name;
mod settings;

mod acme;
mod admin;
mod appservices;
mod database;
mod federation;
mod listeners;
mod livekit;
mod log;
mod media;
mod outgoing;
mod passwords;
mod presence;
mod push;
mod quotas;
mod rate_limits;
mod reach;
mod registration;
mod rooms;
mod server;
mod tokens;
mod turn;
mod url_previews;
mod user_directory;

pub use acme::{Acme, AcmeChallenge, TsigAlgorithm};
pub use admin::Admin;
pub use appservices::AppServices;
pub use database::{Database, Engine, Synchronous};
pub use federation::Federation;
pub use listeners::{Address, CertificateSource, Listener, Resource, Tls};
pub use livekit::{LiveKit, SfuUrl};
pub use load::{ConfigError, Loaded, Place, Problem, process_environment};
pub use log::{Colour, Log, LogFormat};
pub use media::Media;
pub use outgoing::Outgoing;
pub use passwords::Passwords;
pub use presence::Presence;
pub use push::Push;
pub use quotas::Quotas;
pub use rate_limits::{Rate, RateLimits};
pub use reference::{example_toml, reference_markdown};
pub use registration::{Registration, RegistrationMode};
pub use rooms::{EncryptionDefault, Publishers, Rooms};
pub use schema::{BaseUrl, Cidr, Key, Mode, Secret, Section, Shape};
pub use server::Server;
pub use server_name::check_server_name;
pub use settings::Setting;
pub use tokens::Tokens;
pub use turn::{RelayMode, Turn, is_public_name};
pub use url_previews::UrlPreviews;
pub use user_directory::{AllLocalUsers, UserDirectory};

use std::path::PathBuf;

schema::section! {
    /// All settings.
    pub struct Config {
        /// The identity of this server, and its data folder.
        server: Server = Server::default(),
        /// Addresses it listens on, and what it serves there.
        listeners: Vec<Listener> = vec![Listener::default()],
        /// The certificate that Hearth gets from an authority and renews.
        acme: Acme = Acme::default(),
        /// The socket of the dashboard and of `hearth ctl`.
        admin: Admin = Admin::default(),
        /// The database of accounts, rooms and messages.
        database: Database = Database::default(),
        /// Who may create an account.
        registration: Registration = Registration::default(),
        /// Defaults of new rooms.
        rooms: Rooms = Rooms::default(),
        /// Password hashing.
        passwords: Passwords = Passwords::default(),
        /// Lifetimes of tokens.
        tokens: Tokens = Tokens::default(),
        /// Rate limits.
        rate_limits: RateLimits = RateLimits::default(),
        /// How much each account may store.
        quotas: Quotas = Quotas::default(),
        /// Presence: which users are online.
        presence: Presence = Presence::default(),
        /// Whom people find when they search for others.
        user_directory: UserDirectory = UserDirectory::default(),
        /// Uploads, downloads, thumbnails.
        media: Media = Media::default(),
        /// Previews of links.
        url_previews: UrlPreviews = UrlPreviews::default(),
        /// What users are notified of.
        push: Push = Push::default(),
        /// Requests that this server makes to others.
        outgoing: Outgoing = Outgoing::default(),
        /// Bridges and bots.
        appservices: AppServices = AppServices::default(),
        /// The relay for calls.
        turn: Turn = Turn::default(),
        /// The SFU for group calls.
        livekit: LiveKit = LiveKit::default(),
        /// Logging: levels and format.
        log: Log = Log::default(),
        /// Other homeservers.
        federation: Federation = Federation::default(),
    }
}

impl Config {
    /// The URL at which clients reach this server, without a slash at its end.
    #[must_use]
    pub fn public_baseurl(&self) -> String {
        if let Some(url) = &self.server.public_baseurl {
            return url.as_str().to_owned();
        }
        // Without configuration there is no certificate and no reverse proxy, so the URL is that of the listener.
        let listener = self.listeners.iter().find(|listener| listener.resources.contains(&Resource::Client));
        match listener.map(|listener| (&listener.address, listener.tls.is_some())) {
            Some((Address::Tcp(address), tls)) if self.server.name == "localhost" => {
                format!("{}://localhost:{}", if tls { "https" } else { "http" }, address.port())
            }
            _ => format!("https://{}", self.server.name),
        }
    }

    /// What other homeservers are told at `/.well-known/matrix/server`: the configured host and port, or those of the URL for
    /// clients if its host is not that of the server's name. `None` if they find this server by its name.
    #[must_use]
    pub fn well_known_server(&self) -> Option<String> {
        if let Some(server) = &self.server.well_known_server {
            return Some(server.clone());
        }
        let url = self.server.public_baseurl.as_ref()?.as_str().strip_prefix("https://")?;
        let authority = url.split('/').next().unwrap_or_default();
        let differs = !acme::host(authority).eq_ignore_ascii_case(&acme::host(&self.server.name));
        let with_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let named = if with_port { authority.to_owned() } else { format!("{authority}:443") };
        (differs && self.federation.enabled).then_some(named)
    }

    /// The socket of the admin API.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.admin.socket.clone().unwrap_or_else(|| self.server.data_dir.join("admin.sock"))
    }

    /// The SQLite database.
    #[must_use]
    pub fn database_path(&self) -> PathBuf {
        self.database.path.clone().unwrap_or_else(|| self.server.data_dir.join("hearth.db"))
    }

    /// The folder of certificates that this server gets or makes.
    #[must_use]
    pub fn certificates_dir(&self) -> PathBuf {
        self.server.data_dir.join("certificates")
    }

    /// The folder of uploaded and cached media.
    #[must_use]
    pub fn media_dir(&self) -> PathBuf {
        self.media.path.clone().unwrap_or_else(|| self.server.data_dir.join("media"))
    }
}
