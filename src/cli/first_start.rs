//! What the server prints for the person who starts it: what the name is for while it can still be chosen, at which
//! addresses clients reach the server, and how the first account is made. It fits a terminal of 80 columns and 24 lines.

use std::fmt::Write as _;
use std::net::IpAddr;

use hearth_admin::qr;
use hearth_base::config::{Address, Config, Loaded, Place, Resource};
use hearth_base::net::own_addresses;

/// Where text beside a QR code begins.
const BESIDE_COLUMNS: usize = 2;

/// What the text depends on.
pub(super) struct FirstStart<'a> {
    pub(super) loaded: &'a Loaded,
    /// The program as it was called, for commands to copy.
    pub(super) program: &'a str,
    /// Whether a configuration file was read.
    pub(super) file: Option<&'a std::path::Path>,
    /// The registration token of the first account; `None` once there is one.
    pub(super) token: Option<&'a str>,
    /// Whether stderr is a terminal, which can show a QR code.
    pub(super) terminal: bool,
}

impl FirstStart<'_> {
    /// The whole text; empty when there is nothing to say.
    pub(super) fn text(&self) -> String {
        let urls = lan_urls(&self.loaded.config);
        let mut out = String::new();
        if self.token.is_some() && self.is_unnamed() {
            out.push_str(&self.name());
        }
        let beside = self.ways_in(&urls);
        if beside.is_empty() {
            return out;
        }
        match urls.first().filter(|_| self.terminal).and_then(|url| qr::lines(url)) {
            Some(code) => side_by_side(&mut out, &code, &beside),
            None => beside.iter().for_each(|line| line_to(&mut out, &format!("  {line}"))),
        }
        out
    }

    fn is_unnamed(&self) -> bool {
        matches!(self.loaded.sources.get("server.name"), None | Some(Place::Default))
    }

    /// Whether `server.lan` would open the server: it opens no listener of the configuration.
    fn is_default_listener(&self) -> bool {
        let configured = self.loaded.sources.keys().any(|key| key.starts_with("listeners"));
        !configured && self.loaded.config.server.public_baseurl.is_none()
    }

    /// What the name is for, and how it is set.
    fn name(&self) -> String {
        let set = match self.file {
            Some(file) => format!("    write  name = \"example.org\"  below [server] in {}", file.display()),
            None => "    printf '[server]\\nname = \"example.org\"\\n' > hearth.toml".to_owned(),
        };
        format!(
            "\nThis server has no name yet, so it is called `localhost`. The name is the part\n\
             after the colon in @alice:example.org. Every account and room contains it: it\n\
             can be chosen until the first account is made, and never again. If you own a\n\
             domain, use it: other Matrix servers find yours by it. To choose, stop with\n\
             Ctrl+C, and before you start again\n\
             {set}\n\n"
        )
    }

    /// The addresses, and how the first account is made.
    fn ways_in(&self, urls: &[String]) -> Vec<String> {
        let config = &self.loaded.config;
        let mut lines = Vec::new();
        if !urls.is_empty() {
            lines.push("Devices in your network reach it at".to_owned());
            lines.extend(urls.iter().map(|url| format!("  {url}")));
        } else if self.token.is_some() && self.is_default_listener() {
            lines.push("Only this machine reaches it. To let in devices in".to_owned());
            lines.push(format!("your network: {} serve --lan", self.program));
        }
        let Some(token) = self.token else { return lines };
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let url = urls.first().cloned().or_else(|| local_url(config)).unwrap_or_else(|| config.public_baseurl());
        lines.extend([
            "To make the first account, which administers".to_owned(),
            "it, open a Matrix client, enter the homeserver".to_owned(),
            url,
            "and create an account with this token:".to_owned(),
            String::new(),
            format!("    {token}"),
            String::new(),
            "Or, on this machine, in another terminal:".to_owned(),
            format!("{} ctl users create NAME --admin", self.program),
        ]);
        lines
    }
}

/// The URLs at which other machines reach a listener for clients; none if all listen on the loopback, or if the
/// configuration has a URL for all clients.
pub(super) fn lan_urls(config: &Config) -> Vec<String> {
    if !config.server.is_reached_by_address() {
        return Vec::new();
    }
    let mut urls = Vec::new();
    for listener in config.listeners.iter().filter(|listener| listener.resources.contains(&Resource::Client)) {
        let Address::Tcp(address) = listener.address else { continue };
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        let (ip, port) = (address.ip(), address.port());
        let mut add = |host: String| urls.push(format!("{scheme}://{host}:{port}"));
        if !ip.is_unspecified() {
            if !ip.is_loopback() {
                add(host_of(ip));
            }
            continue;
        }
        let own = own_addresses().into_iter().filter(hearth_base::net::OwnAddress::is_for_others);
        own.filter(|own| ip.is_ipv6() || own.address.is_ipv4()).for_each(|own| add(host_of(own.address)));
        if let Some(name) = multicast_name() {
            add(name);
        }
    }
    urls
}

/// The URL for clients on this machine while its public name leads nowhere.
fn local_url(config: &Config) -> Option<String> {
    config.reach_problem()?;
    let listener = config.listeners.iter().find(|listener| listener.resources.contains(&Resource::Client))?;
    let Address::Tcp(address) = listener.address else { return None };
    Some(format!("{}://localhost:{}", if listener.tls.is_some() { "https" } else { "http" }, address.port()))
}

fn host_of(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

/// The name of this machine in multicast DNS, if a program announces it.
fn multicast_name() -> Option<String> {
    std::fs::metadata("/run/avahi-daemon/pid").ok()?;
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(format!("{}.local", name.trim()))
}

fn line_to(out: &mut String, line: &str) {
    let _ = writeln!(out, "{}", line.trim_end());
}

fn side_by_side(out: &mut String, left: &[String], right: &[String]) {
    let width = left.first().map_or(0, |line| line.chars().count());
    for at in 0..left.len().max(right.len()) {
        let (code, text) = (left.get(at).map_or("", String::as_str), right.get(at).map_or("", String::as_str));
        let code = if code.is_empty() { " ".repeat(width) } else { qr::white_on_black(code) };
        line_to(out, &format!("{code}{:BESIDE_COLUMNS$}{text}", ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(name: Option<&str>, lan: bool) -> Loaded {
        let mut environment = vec![("HEARTH_SERVER__LAN".to_owned(), lan.to_string())];
        environment.extend(name.map(|name| ("HEARTH_SERVER__NAME".to_owned(), name.to_owned())));
        Config::load(None, environment.into_iter()).unwrap()
    }

    fn text(loaded: &Loaded, token: Option<&str>) -> String {
        FirstStart { loaded, program: "hearth", file: None, token, terminal: true }.text()
    }

    #[test]
    fn the_first_start_fits_one_screen() {
        for lan in [false, true] {
            let shown = text(&loaded(None, lan), Some("abcdefgh23456789"));
            let shown = shown.replace("\x1b[97;40m", "").replace("\x1b[0m", "");
            assert!(shown.lines().count() <= 24, "{shown}");
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
            for part in ["no name yet", "> hearth.toml", "abcdefgh23456789", "hearth ctl users create NAME --admin"] {
                assert!(shown.contains(part), "{part}: {shown}");
            }
            assert_eq!(shown.contains("hearth serve --lan"), !lan, "{shown}");
        }
    }

    #[test]
    fn a_named_server_with_accounts_has_nothing_to_say() {
        assert_eq!(text(&loaded(Some("family.net"), false), None), "");
        assert_eq!(text(&loaded(None, false), None), "", "the name can no longer be chosen");
        let first = text(&loaded(Some("family.net"), false), Some("token"));
        assert!(!first.contains("no name yet") && first.contains("http://localhost:8008"), "{first}");
    }

    #[test]
    fn in_a_local_network_every_address_is_listed_at_each_start() {
        let loaded = loaded(None, true);
        let urls = lan_urls(&loaded.config);
        let shown = text(&loaded, None);
        assert!(urls.iter().all(|url| shown.contains(url) && url.ends_with(":8008")), "{urls:?}: {shown}");
        assert_eq!(urls.is_empty(), shown.is_empty());
        assert!(urls.iter().all(|url| !url.contains("127.0.0.1") && !url.contains("localhost")), "{urls:?}");
    }
}
