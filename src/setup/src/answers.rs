//! What is asked: the answers, and those that the command line gives in advance.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// How devices and other servers reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Directly over the internet: Hearth listens on 443, 8448 and 80 and has its own certificate.
    Internet,
    /// Through a reverse proxy on this machine, which has the certificate.
    Proxy,
    /// In the local network only.
    Lan,
}

impl Reach {
    /// The word of the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internet => "internet",
            Self::Proxy => "proxy",
            Self::Lan => "lan",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "1" | "internet" => Ok(Self::Internet),
            "2" | "proxy" => Ok(Self::Proxy),
            "3" | "lan" => Ok(Self::Lan),
            _ => Err("Expected 1, 2 or 3 (or `internet`, `proxy`, `lan`).".to_owned()),
        }
    }
}

/// Answers given on the command line. What is `None` is asked, or takes its default with `yes`.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The server's name.
    pub name: Option<String>,
    /// The host at which the server is reached, if it is not the name's.
    pub host: Option<String>,
    /// How the server is reached.
    pub reach: Option<Reach>,
    /// The e-mail address for the certificate authority; empty: none.
    pub email: Option<String>,
    /// The user name of the first administrator.
    pub admin: Option<String>,
    /// The data folder.
    pub data_dir: Option<PathBuf>,
    /// A STUN server to ask for the public address.
    pub stun: Option<String>,
    /// The port behind a reverse proxy and in a local network.
    pub port: Option<u16>,
    /// Whether Hearth asks the router to forward its ports.
    pub forward_ports: Option<bool>,
    /// Whether the defaults answer what is not given, so that there is no question.
    pub yes: bool,
    /// Whether to go on in spite of what the checks of the machine and the network find.
    pub anyway: bool,
}

/// All answers, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The server's name.
    pub name: String,
    /// The host of the URL at which clients reach the server; that of the name, unless it is delegated.
    pub host: String,
    /// How the server is reached.
    pub reach: Reach,
    /// The e-mail address for the certificate authority.
    pub email: Option<String>,
    /// The user name of the first administrator.
    pub admin: String,
    /// The data folder, absolute.
    pub data_dir: PathBuf,
    /// The port behind a reverse proxy and in a local network.
    pub port: u16,
    /// The address of this machine in the local network.
    pub lan_address: Option<IpAddr>,
    /// The public IPv4 address of this machine, or of its router, if it is known.
    pub public_address: Option<IpAddr>,
    /// Whether Hearth asks the router to forward its ports.
    pub forward_ports: bool,
    /// Whether this machine has IPv6.
    pub ipv6: bool,
    /// Whether the name itself leads to another machine, such as one with a web site, so that a certificate can only have the
    /// host.
    pub name_is_elsewhere: bool,
}

impl Answers {
    /// The URL at which clients reach the server.
    #[must_use]
    pub fn url(&self) -> String {
        match (self.reach, self.lan_address) {
            (Reach::Lan, Some(IpAddr::V6(address))) => format!("http://[{address}]:{}", self.port),
            (Reach::Lan, Some(address)) => format!("http://{address}:{}", self.port),
            (Reach::Lan, None) => format!("http://{}:{}", self.host, self.port),
            (Reach::Internet | Reach::Proxy, _) => format!("https://{}", self.host),
        }
    }
}
