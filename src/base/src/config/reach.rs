//! Whether anything outside of this machine can reach the server that its name promises.

use super::{Address, Config};

impl Config {
    /// Why no other machine reaches a server with a public name, and what to do: the problem and its remedy. `None` if one
    /// may, or if the server is for this machine or network only.
    #[must_use]
    pub fn reach_problem(&self) -> Option<(String, &'static str)> {
        let local = |address: &Address| match address {
            Address::Tcp(address) => address.ip().is_loopback(),
            // A reverse proxy opens it.
            Address::Unix(_) => false,
        };
        let server = &self.server;
        // A reverse proxy on this machine uses the loopback, and its operator has named it, or the URL.
        let proxied = server.public_baseurl.is_some() || !server.trusted_proxies.is_empty();
        let all_local = self.listeners.iter().all(|listener| local(&listener.address));
        (server.has_public_name() && !proxied && all_local).then(|| {
            let what = format!("Only this machine can reach the server, although {} is a name of the internet.", server.name);
            let remedy = "Let it listen on an address for others with a certificate (`listeners`), or, behind a reverse \
                          proxy, set `server.public_baseurl` and `server.trusted_proxies`.";
            (what, remedy)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_public_name_behind_nothing_is_a_problem() {
        let named = |name: &str| {
            let mut config = Config::default();
            config.server.name = name.to_owned();
            config
        };
        assert!(named("family.net").reach_problem().is_some());
        for private in ["localhost", "192.168.1.2", "raspberrypi"] {
            assert_eq!(named(private).reach_problem(), None, "{private}");
        }
        let mut listening = named("family.net");
        listening.listeners[0].address = "0.0.0.0:8448".parse().unwrap();
        assert_eq!(listening.reach_problem(), None);
        let mut proxied = named("family.net");
        proxied.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        assert_eq!(proxied.reach_problem(), None);
    }
}
