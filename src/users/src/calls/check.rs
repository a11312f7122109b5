//! A self-test of the TURN relay over every URI that clients get. It makes real allocations from inside the network. A
//! URI that fails is tried once more on the loopback, to tell a broken relay from an unreachable one.

use hearth_base::boxed;
use std::time::Duration;

use hearth_turn::probe::{Probe, Report, browser_trust, probe};
use hearth_turn::{Running, Transport, credentials};

use super::Calls;

/// The user of test allocations. It cannot be a real user: it has no `@`.
pub(super) const CHECKER: &str = "relay-test";
/// Timeout for each response.
const WAIT: Duration = Duration::from_millis(1_200);

/// The result for one URI.
#[derive(Debug, Clone)]
pub struct TransportCheck {
    /// The URI.
    pub uri: String,
    /// Whether it works.
    pub works: bool,
    /// The result and, on failure, the remedy.
    pub message: String,
    /// Median round-trip time.
    pub round_trip: Option<Duration>,
    /// Share of lost datagrams, 0 to 1.
    pub lost: Option<f64>,
}

/// Parses a `turn:` or `turns:` URI of the forms that this server issues.
fn read(uri: &str) -> Option<(String, u16, Transport)> {
    let (scheme, rest) = uri.split_once(':')?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, "transport=udp"));
    let (host, port) = place.rsplit_once(':')?;
    let transport = match (scheme, query) {
        ("turns", _) => Transport::Tls,
        ("turn", "transport=tcp") => Transport::Tcp,
        ("turn", _) => Transport::Udp,
        _ => return None,
    };
    Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?, transport))
}

impl Calls {
    /// Tests every URI of the relay in this process. Takes several seconds when one fails.
    #[boxed]
    pub async fn check(&self) -> Vec<TransportCheck> {
        let Some(own) = self.own() else { return Vec::new() };
        let minted = credentials::mint(&self.keeper.secret(), CHECKER, self.core.now_ms() / 1_000 + 120);
        let ways = own.uris.iter().filter_map(|uri| Some((uri.clone(), read(uri)?)));
        let checks = ways.map(|(uri, (host, port, transport))| {
            let tls = (transport == Transport::Tls).then(browser_trust);
            let credentials = [minted.clone(), minted.clone()];
            let wanted = Probe { host, port, transport, tls, credentials, wait: WAIT };
            check_one(uri, wanted, &own.running)
        });
        futures_util::future::join_all(checks).await
    }
}

async fn check_one(uri: String, wanted: Probe, running: &Running) -> TransportCheck {
    match probe(&wanted).await {
        Ok(report) => works(uri, &report),
        Err(error) => {
            let inside = inside(&wanted, running).await;
            let message = format!("{error}. {}", advice(&wanted, inside));
            TransportCheck { uri, works: false, message, round_trip: None, lost: None }
        }
    }
}

fn works(uri: String, report: &Report) -> TransportCheck {
    let Report { at, relayed: [one, other], sent, returned, round_trip, .. } = *report;
    let lost = f64::from(sent - returned) / f64::from(sent);
    let message = format!("Relayed by {at} between {one} and {other}.");
    TransportCheck { uri, works: true, message, round_trip: Some(round_trip), lost: Some(lost) }
}

/// Whether the same transport works without leaving this machine.
async fn inside(wanted: &Probe, running: &Running) -> bool {
    let at = match wanted.transport {
        Transport::Udp => running.udp_addresses().first(),
        // The certificate is for the public name, so test TLS over plain TCP here.
        Transport::Tcp | Transport::Tls => running.stream_addresses().first(),
    };
    let Some(at) = at else { return false };
    let host = match at.ip() {
        ip if !ip.is_unspecified() => ip.to_string(),
        ip if ip.is_ipv4() => "127.0.0.1".to_owned(),
        _ => "::1".to_owned(),
    };
    let transport = if wanted.transport == Transport::Udp { Transport::Udp } else { Transport::Tcp };
    probe(&Probe { host, port: at.port(), transport, tls: None, ..wanted.clone() }).await.is_ok()
}

fn advice(wanted: &Probe, inside: bool) -> String {
    let (host, port) = (&wanted.host, wanted.port);
    let kind = if wanted.transport == Transport::Udp { "UDP" } else { "TCP" };
    if !inside {
        return "It does not work on this machine either: look at the relay's warnings and at the log.".to_owned();
    }
    match wanted.transport {
        Transport::Tls => format!(
            "The relay works on this machine. Open port {port} for {kind} in the firewall, forward it in the router, and see that \
             the certificate is one that browsers accept for {host}."
        ),
        _ => format!(
            "The relay works on this machine. Open port {port} for {kind} in the firewall, forward it in the router, and see that \
             {host} leads here. Some routers do not let a network reach itself from inside; then try a call from outside."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_uris_are_read() {
        let found = |uri: &str| read(uri).unwrap();
        assert_eq!(found("turn:a.b:3478?transport=udp"), ("a.b".to_owned(), 3_478, Transport::Udp));
        assert_eq!(found("turn:a.b:3478?transport=tcp"), ("a.b".to_owned(), 3_478, Transport::Tcp));
        assert_eq!(found("turns:[2001:db8::1]:443?transport=tcp"), ("2001:db8::1".to_owned(), 443, Transport::Tls));
        assert!(read("turn:a.b").is_none());
    }
}
