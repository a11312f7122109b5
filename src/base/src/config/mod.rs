//! The configuration: one struct per section, with defaults that make a usable local server of nothing at all.
//!
//! A key is declared once, by the `section!` macro, in the file named as its section; the struct, its default, the way
//! it is read and the reference in `docs/CONFIG.md` all come from there. What a combination of values means, and
//! whether it is a good one, stands in each section's `check`. Nothing here opens sockets, databases or logs.

mod check;
mod load;
mod reference;
mod schema;
mod server_name;
mod settings;

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
mod rate_limits;
mod registration;
mod rooms;
mod server;
mod tokens;
mod turn;
mod user_directory;

pub use admin::Admin;
pub use appservices::AppServices;
pub use database::{Database, Engine, Synchronous};
pub use federation::Federation;
pub use listeners::{Address, Listener, Resource, Tls};
pub use livekit::{LiveKit, SfuUrl};
pub use load::{ConfigError, Loaded, Place, Problem, process_environment};
pub use log::{Colour, Log, LogFormat};
pub use media::Media;
pub use outgoing::Outgoing;
pub use passwords::Passwords;
pub use presence::Presence;
pub use push::Push;
pub use rate_limits::{Rate, RateLimits};
pub use reference::{example_toml, reference_markdown};
pub use registration::{Registration, RegistrationMode};
pub use rooms::{EncryptionDefault, Publishers, Rooms};
pub use schema::{BaseUrl, Cidr, Key, Mode, Secret, Section, Shape};
pub use server::Server;
pub use server_name::check_server_name;
pub use settings::Setting;
pub use tokens::Tokens;
pub use turn::{RelayMode, Turn};
pub use user_directory::{AllLocalUsers, UserDirectory};

use std::path::PathBuf;

schema::section! {
    /// Everything that can be set.
    pub struct Config {
        /// Who this server is and where it keeps its things.
        server: Server = Server::default(),
        /// Where it listens, and for what.
        listeners: Vec<Listener> = vec![Listener::default()],
        /// The socket of the dashboard and of `hearth ctl`.
        admin: Admin = Admin::default(),
        /// Where accounts, rooms and messages are kept.
        database: Database = Database::default(),
        /// Who may make an account.
        registration: Registration = Registration::default(),
        /// What new rooms are like.
        rooms: Rooms = Rooms::default(),
        /// How passwords are hashed.
        passwords: Passwords = Passwords::default(),
        /// How long tokens live.
        tokens: Tokens = Tokens::default(),
        /// How often things may be done.
        rate_limits: RateLimits = RateLimits::default(),
        /// Who is online.
        presence: Presence = Presence::default(),
        /// Whom people find when they search for others.
        user_directory: UserDirectory = UserDirectory::default(),
        /// Uploads, downloads, thumbnails.
        media: Media = Media::default(),
        /// What users are notified of.
        push: Push = Push::default(),
        /// Requests that this server makes to others.
        outgoing: Outgoing = Outgoing::default(),
        /// Bridges and bots.
        appservices: AppServices = AppServices::default(),
        /// The relay that calls need when two devices cannot reach each other.
        turn: Turn = Turn::default(),
        /// Group calls: the SFU that they need.
        livekit: LiveKit = LiveKit::default(),
        /// What is logged, and how.
        log: Log = Log::default(),
        /// Talking to other homeservers.
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
        // A server with nothing configured has no certificate and no reverse proxy.
        let listener = self.listeners.iter().find(|listener| listener.resources.contains(&Resource::Client));
        match listener.map(|listener| (&listener.address, listener.tls.is_some())) {
            Some((Address::Tcp(address), tls)) if self.server.name == "localhost" => {
                format!("{}://localhost:{}", if tls { "https" } else { "http" }, address.port())
            }
            _ => format!("https://{}", self.server.name),
        }
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

    /// The folder of uploaded and cached media.
    #[must_use]
    pub fn media_dir(&self) -> PathBuf {
        self.media.path.clone().unwrap_or_else(|| self.server.data_dir.join("media"))
    }
}
