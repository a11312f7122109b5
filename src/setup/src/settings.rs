//! The settings that follow from the answers, written into `hearth.toml`: what was there and is not asked for, and all
//! comments, stay.

use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TomlError, Value, value};

use crate::answers::{Answers, Given, Reach};

/// The text above a new file.
const HEAD: &str = "\
# The settings of this server, written by `hearth setup`. docs/CONFIG.md describes all of them.
# After a change: `hearth check-config`, then restart the server.

";

/// The last port of the relay where the router forwards them one by one: 64 from 49152 on, for about eight calls.
const LAST_RELAY_PORT: u16 = 49_215;

/// A file of settings.
#[derive(Debug, Clone)]
pub struct Settings {
    document: DocumentMut,
}

impl Settings {
    /// Reads the text of a file; an empty one is a new file.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn parse(text: &str) -> Result<Self, TomlError> {
        let text = if text.trim().is_empty() { HEAD } else { text };
        Ok(Self { document: text.parse()? })
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    fn get(&self, section: &str, key: &str) -> Option<&Item> {
        self.document.get(section)?.get(key)
    }

    fn text_of(&self, section: &str, key: &str) -> Option<String> {
        self.get(section, key)?.as_str().map(str::to_owned)
    }

    /// What the file answers already.
    #[must_use]
    pub fn answered(&self) -> Given {
        let host = self.text_of("server", "public_baseurl").filter(|url| url.starts_with("https://"));
        let admin = self.text_of("server", "support_admin");
        Given {
            name: self.text_of("server", "name"),
            host: host.map(|url| url.trim_start_matches("https://").trim_end_matches('/').to_owned()),
            reach: self.reach(),
            email: self.text_of("acme", "email"),
            admin: admin.and_then(|id| Some(id.strip_prefix('@')?.split_once(':')?.0.to_owned())),
            data_dir: self.text_of("server", "data_dir").map(PathBuf::from),
            port: self.port(),
            forward_ports: self.get("server", "forward_ports").and_then(Item::as_bool),
            ..Given::default()
        }
    }

    fn listeners(&self) -> Option<&ArrayOfTables> {
        self.document.get("listeners")?.as_array_of_tables()
    }

    fn reach(&self) -> Option<Reach> {
        let listeners = self.listeners()?;
        if listeners.iter().any(|listener| listener.contains_key("tls")) {
            return Some(Reach::Internet);
        }
        let local = |listener: &Table| {
            let address = listener.get("address").and_then(Item::as_str).unwrap_or_default();
            ["127.", "[::1]", "unix:"].iter().any(|start| address.starts_with(start))
        };
        Some(if listeners.iter().all(local) { Reach::Proxy } else { Reach::Lan })
    }

    fn port(&self) -> Option<u16> {
        let address = self.listeners()?.iter().next()?.get("address")?.as_str()?;
        address.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
    }

    /// Sets what the answers say.
    pub fn apply(&mut self, answers: &Answers) {
        let Answers { name, host, reach, email, admin, data_dir, .. } = answers;
        let delegated = host != name.split(':').next().unwrap_or_default();
        self.set("server", "name", name.as_str());
        self.set("server", "data_dir", data_dir.to_string_lossy().as_ref());
        match reach {
            Reach::Lan => self.set("server", "public_baseurl", answers.url()),
            _ if delegated => self.set("server", "public_baseurl", answers.url()),
            _ => self.unset("server", "public_baseurl"),
        }
        self.set("server", "support_admin", format!("@{admin}:{name}"));
        match reach {
            Reach::Proxy => self.set("server", "trusted_proxies", ["127.0.0.1", "::1"].into_iter().collect::<Array>()),
            _ => self.unset("server", "trusted_proxies"),
        }
        // The invite links of the family make accounts only with this.
        if self.get("registration", "mode").is_none() {
            self.set("registration", "mode", "token");
        }
        // Other servers cannot reach one of a local network, so asking them would only cost time.
        match reach {
            Reach::Lan => self.set("federation", "enabled", false),
            _ => self.unset("federation", "enabled"),
        }
        match email {
            Some(email) if *reach == Reach::Internet => self.set("acme", "email", email.as_str()),
            _ => self.unset("acme", "email"),
        }
        if answers.forward_ports {
            self.set("server", "forward_ports", true);
            // The router is asked for each port, so the relay gets as many as a family needs and not all 16384.
            if self.get("turn", "port_max").is_none() {
                self.set("turn", "port_max", i64::from(LAST_RELAY_PORT));
            }
        } else {
            self.unset("server", "forward_ports");
        }
        match answers.name_is_elsewhere && *reach == Reach::Internet {
            true => self.set("acme", "names", [host.as_str()].into_iter().collect::<Array>()),
            false => self.unset("acme", "names"),
        }
        if self.reach() != Some(*reach) || self.port() != Some(first_port(answers)) {
            self.document.insert("listeners", Item::ArrayOfTables(listeners(answers)));
        }
    }

    /// Sets a key of a section, and keeps the comment of one that is there.
    pub fn set(&mut self, section: &str, key: &str, new: impl Into<Value>) {
        let table = self.document.entry(section).or_insert_with(|| Item::Table(Table::new()));
        let mut new = new.into();
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(old) => {
                *new.decor_mut() = old.decor().clone();
                *old = new;
            }
            None => table[key] = value(new),
        }
    }

    /// Removes a key, and its section if nothing else is in it.
    pub fn unset(&mut self, section: &str, key: &str) {
        let Some(table) = self.document.get_mut(section).and_then(Item::as_table_mut) else { return };
        table.remove(key);
        if table.is_empty() {
            self.document.remove(section);
        }
    }

    /// Whether a section is in the file.
    #[must_use]
    pub fn has(&self, section: &str) -> bool {
        self.document.contains_key(section)
    }
}

/// The mode of the file: readable for others only if it has no secret.
#[must_use]
pub fn mode_of(text: &str) -> u32 {
    let is_secret = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        let keys = ["key", "url", "secret", "shared_secret", "eab_hmac_key", "dns_key", "url_file"];
        line.contains('=') && keys.contains(&key)
    };
    if text.lines().any(is_secret) { 0o600 } else { 0o644 }
}

fn first_port(answers: &Answers) -> u16 {
    if answers.reach == Reach::Internet { 443 } else { answers.port }
}

fn listeners(answers: &Answers) -> ArrayOfTables {
    let Answers { reach, port, ipv6, .. } = answers;
    let all = if *ipv6 { "[::]" } else { "0.0.0.0" };
    let acme = || Some(InlineTable::from_iter([("source", "acme")]));
    let tables = match reach {
        Reach::Proxy => vec![listener(format!("127.0.0.1:{port}"), None, &[])],
        Reach::Lan => vec![listener(format!("0.0.0.0:{port}"), None, &[])],
        Reach::Internet => vec![
            listener(format!("{all}:443"), acme(), &[]),
            listener(format!("{all}:8448"), acme(), &["federation"]),
            listener(format!("{all}:80"), None, &["redirect"]),
        ],
    };
    tables.into_iter().collect()
}

fn listener(address: String, tls: Option<InlineTable>, resources: &[&str]) -> Table {
    let mut table = Table::new();
    table["address"] = value(address);
    if let Some(tls) = tls {
        table["tls"] = value(tls);
    }
    if !resources.is_empty() {
        table["resources"] = value(resources.iter().copied().collect::<Array>());
    }
    table
}

/// An absolute path without `.` parts.
#[must_use]
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::answers;

    fn written(text: &str, answers: &Answers) -> String {
        let mut settings = Settings::parse(text).unwrap();
        settings.apply(answers);
        let read = Settings::parse(&settings.text()).unwrap().answered();
        assert_eq!(
            (read.reach, read.name.as_deref()),
            (Some(answers.reach), Some(&*answers.name)),
            "{}",
            settings.text()
        );
        assert_eq!((read.admin.as_deref(), read.data_dir), (Some("kim"), Some("/var/lib/hearth".into())));
        settings.text()
    }

    #[test]
    fn each_way_in_has_its_listeners() {
        let internet = written("", &answers(Reach::Internet));
        for part in ["[::]:443", "[::]:8448", "[::]:80", "\"redirect\"", "source = \"acme\"", "email = \"kim@"] {
            assert!(internet.contains(part), "{part} in {internet}");
        }
        assert!(!internet.contains("public_baseurl"), "{internet}");
        let proxy = written("", &answers(Reach::Proxy));
        assert!(
            proxy.contains("127.0.0.1:8008") && proxy.contains("trusted_proxies") && !proxy.contains("[acme]"),
            "{proxy}"
        );
        let lan = written("", &answers(Reach::Lan));
        assert!(lan.contains("0.0.0.0:8008") && lan.contains("\"http://192.168.1.20:8008\""), "{lan}");
        assert!(!lan.contains("forward_ports"), "{lan}");
        let forwarded = written("", &Answers { forward_ports: true, ..answers(Reach::Internet) });
        assert!(forwarded.contains("forward_ports = true") && forwarded.contains("port_max = 49215"), "{forwarded}");
        assert!(lan.contains("[federation]\nenabled = false"), "{lan}");
    }

    #[test]
    fn a_host_of_its_own_is_announced() {
        let host = "matrix.family.example".to_owned();
        let delegated = Answers { host, name_is_elsewhere: true, ..answers(Reach::Internet) };
        let text = written("", &delegated);
        assert!(text.contains("public_baseurl = \"https://matrix.family.example\""), "{text}");
        assert!(text.contains("names = [\"matrix.family.example\"]"), "{text}");
    }

    #[test]
    fn what_is_not_asked_for_stays() {
        let old = "# mine\n[server]\nname = 'old' # was\n\n[media]\nmax_upload_mib = 7 # big\n\n[[listeners]]\n\
                   address = '127.0.0.1:8008'\n# a proxy\n";
        let new = written(old, &answers(Reach::Proxy));
        for part in
            ["# mine\n", "name = \"family.example\" # was", "max_upload_mib = 7 # big", "address = '127.0.0.1:8008'"]
        {
            assert!(new.contains(part), "{part} in {new}");
        }
        assert_eq!(written(&new, &answers(Reach::Proxy)), new, "the same answers change nothing");
        let lan = written(&new, &answers(Reach::Lan));
        let back = written(&lan, &answers(Reach::Internet));
        assert!(!back.contains("enabled") && !back.contains("0.0.0.0") && back.contains("# big"), "{back}");
    }

    #[test]
    fn a_file_with_a_secret_is_closed() {
        assert_eq!(mode_of("[turn]\nshared_secret = 'x'\n"), 0o600);
        assert_eq!(mode_of("[server]\nname = 'x'\n"), 0o644);
    }
}
