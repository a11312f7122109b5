//! Servers that this one federates with: `[federation]` in the configuration.

use crate::Core;
use hearth_base::{Error, Result};
use ruma::ServerName;

impl Core {
    /// `M_FORBIDDEN` for servers that the configuration denies, and for this server itself.
    pub fn check_talks_to(&self, server: &ServerName) -> Result<()> {
        let config = &self.config.federation;
        if *server == *self.server_name {
            return Err(Error::forbidden("This server does not talk to itself over federation."));
        }
        if !config.enabled {
            return Err(Error::forbidden("This server does not talk to others: `federation.enabled` is off."));
        }
        let is_named = |names: &[String]| names.iter().any(|name| covers(name, server));
        if is_named(&config.deny) || !(config.allow.is_empty() || is_named(&config.allow)) {
            return Err(Error::forbidden(format!("This server does not talk to {server}.")));
        }
        Ok(())
    }
}

/// Whether a configured name matches a server: with its port or for any port, and `*.` for all subdomains.
fn covers(name: &str, server: &ServerName) -> bool {
    let (name, whole, host) = (name.to_ascii_lowercase(), server.as_str().to_ascii_lowercase(), server.host());
    match name.strip_prefix("*.") {
        Some(parent) => host.to_ascii_lowercase().strip_suffix(parent).is_some_and(|left| left.ends_with('.')),
        None => name == whole || name == host.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cover_what_they_say() {
        let server = |name: &str| ServerName::parse(name).expect("a name");
        assert!(covers("example.org", &server("Example.org:8448")));
        assert!(covers("*.example.org", &server("matrix.example.org")));
        assert!(!covers("*.example.org", &server("example.org")));
        assert!(!covers("*.example.org", &server("badexample.org")));
        assert!(!covers("example.org:8448", &server("example.org")));
    }
}
