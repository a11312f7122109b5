//! Whether the DNS leads here: the records of the name compared with the addresses of this machine and its router.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hearth_net::is_public;

use crate::finding::Finding;
use crate::world::{RouterView, World};

/// HTTPS.
const HTTPS: u16 = 443;

/// What is known of this machine's place in the internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its own addresses.
    pub(crate) own: Vec<IpAddr>,
    /// Its IPv4 address as a STUN server sees it.
    pub(crate) seen: Option<IpAddr>,
    /// The router in front of it, if it tells of itself.
    pub(crate) router: Option<RouterView>,
}

impl Place {
    /// Looks at the machine, and asks the STUN server if there is one, and the router if there is one between.
    pub(crate) fn look(world: &dyn World, stun: Option<&str>) -> Self {
        let own = world.own_addresses();
        let is_direct = own.iter().any(|ip| ip.is_ipv4() && is_public(*ip));
        let router = if is_direct { None } else { world.router() };
        Self { own, seen: stun.and_then(|server| world.seen_by_stun(server)), router }
    }

    /// What can be told without the network.
    pub(crate) fn local(world: &dyn World) -> Self {
        Self { own: world.own_addresses(), ..Self::default() }
    }

    /// The public addresses at which this machine may be reached.
    pub(crate) fn public(&self) -> Vec<IpAddr> {
        let known =
            self.own.iter().chain(&self.seen).chain(self.router.as_ref().map(|router| &router.external)).copied();
        let mut public: Vec<IpAddr> = known.filter(|ip| is_public(*ip)).collect();
        public.sort_unstable();
        public.dedup();
        public
    }
}

/// Whether the provider translates addresses too (CGNAT), so that no setting of the own router opens a port.
pub(crate) fn carrier_nat(place: &Place) -> Option<Finding> {
    let fix = "Ask the provider for a public IPv4 address of your own (often free); use IPv6 alone (AAAA record); or put a \
               small rented server in front that forwards the ports, and choose 2.";
    let shared = |ip: &IpAddr| matches!(ip, IpAddr::V4(ip) if in_shared_range(*ip));
    let (router, seen) = (place.router.as_ref().map(|router| router.external), place.seen);
    match (router, seen) {
        (Some(router), _) if !is_public(router) => Some(Finding::wrong(
            format!(
                "Your provider shares one IPv4 address among customers: your router has {router} on its outer side."
            ),
            fix,
        )),
        (Some(router), Some(seen)) if router != seen => Some(Finding::wrong(
            format!("There is a second router in front of yours: yours has {router}, the internet sees {seen}."),
            fix,
        )),
        (None, _) if place.own.iter().any(shared) => Some(Finding::warning(
            "This machine has an address of 100.64.0.0/10, which providers use when they share one IPv4 address.",
            fix,
        )),
        _ => None,
    }
}

/// RFC 6598.
fn in_shared_range(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && (64..128).contains(&second)
}

/// Compares the records of a name with the addresses of this machine.
pub(crate) fn dns(world: &dyn World, name: &str, place: &Place) -> Vec<Finding> {
    let records = match world.resolve(name) {
        Ok(records) => records,
        Err(fault) => {
            let fix = "Check the network of this machine: `resolvectl status` or /etc/resolv.conf.";
            return vec![Finding::wrong(format!("The DNS cannot be asked for {name}: {}.", fault.0), fix)];
        }
    };
    let public = place.public();
    if records.is_empty() {
        let text = format!("The DNS has no address for {name}.");
        return vec![Finding::wrong(text, wanted_records(name, &public))];
    }
    records.iter().map(|record| judge(name, *record, &public)).chain(missing_family(&records, place)).collect()
}

/// One record.
fn judge(name: &str, record: IpAddr, public: &[IpAddr]) -> Finding {
    let kind = kind(record);
    if public.contains(&record) {
        return Finding::good(format!("{name} has the {kind} record {record}, which is this machine."));
    }
    if !is_public(record) {
        let text = format!("{name} has the {kind} record {record}, which is not an address of the internet.");
        return Finding::wrong(text, wanted_records(name, public));
    }
    let known: Vec<IpAddr> = public.iter().filter(|ip| ip.is_ipv4() == record.is_ipv4()).copied().collect();
    if known.is_empty() && record.is_ipv4() {
        let fix = "`--stun HOST:PORT` asks a STUN server that you choose for it.";
        let text = format!("{name} has the A record {record}. The public IPv4 address of this machine is not known.");
        return Finding::warning(text, fix);
    }
    let text = format!("{name} has the {kind} record {record}, which is another machine.");
    let fix = format!(
        "{} Or, if a web site stays there, type another host for Matrix, such as matrix.{name}.",
        wanted_records(name, public)
    );
    Finding::wrong(text, fix)
}

/// IPv6 that works here and is missing in the DNS.
fn missing_family(records: &[IpAddr], place: &Place) -> Option<Finding> {
    let own = place.public().into_iter().find(IpAddr::is_ipv6)?;
    (!records.iter().any(IpAddr::is_ipv6))
        .then(|| Finding::note(format!("This machine has IPv6 too. An AAAA record {own} helps those without IPv4.")))
}

fn wanted_records(name: &str, public: &[IpAddr]) -> String {
    if public.is_empty() {
        return format!("At your DNS provider, make an A record for {name} with your public IPv4 address.");
    }
    let records: Vec<String> = public.iter().map(|ip| format!("{} {ip}", kind(*ip))).collect();
    format!("At your DNS provider, make these records for {name}: {}.", records.join(", "))
}

fn kind(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "A" } else { "AAAA" }
}

/// Connects to this machine through each of its public addresses, as far as it can from inside.
pub(crate) fn reachable(world: &dyn World, name: &str, place: &Place) -> Vec<Finding> {
    let records = world.resolve(name).unwrap_or_default();
    let here = place.public();
    let tried = records.into_iter().filter(|record| here.contains(record) || (here.is_empty() && is_public(*record)));
    tried
        .filter_map(|record| {
            if world.comes_back(SocketAddr::new(record, HTTPS))? {
                return Some(Finding::good(format!("Port {HTTPS} of {record} leads to this machine.")));
            }
            Some(Finding::warning(
                format!("A connection to port {HTTPS} of {record} did not arrive here."),
                "Forward the ports 443, 8448, 80 and 3478 to this machine in your router. Many routers cannot be tested \
                 from inside: try https:// and the name from a phone without Wi-Fi.",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::tests::FakeWorld;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn place(own: &[&str], seen: Option<&str>, router: Option<&str>) -> Place {
        Place {
            own: own.iter().map(|text| ip(text)).collect(),
            seen: seen.map(ip),
            router: router.map(|text| RouterView { external: ip(text), protocol: "PCP" }),
        }
    }

    fn levels(records: &[&str], place: &Place) -> Vec<Level> {
        let mut world = FakeWorld::default();
        world.names.insert("a.family".to_owned(), Ok(records.iter().map(|text| ip(text)).collect()));
        dns(&world, "a.family", place).iter().map(|found| found.level).collect()
    }

    #[test]
    fn records_are_compared_with_what_this_machine_has() {
        let vps = place(&["198.41.0.4", "2001:503:ba3e::2:30"], None, None);
        assert_eq!(levels(&["198.41.0.4", "2001:503:ba3e::2:30"], &vps), [Level::Good, Level::Good]);
        assert_eq!(levels(&["198.41.0.4"], &vps), [Level::Good, Level::Note]);
        assert_eq!(levels(&["198.41.0.5", "2001:503:ba3e::2:30"], &vps), [Level::Wrong, Level::Good]);
        assert_eq!(levels(&["192.168.1.2", "2001:503:ba3e::2:30"], &vps), [Level::Wrong, Level::Good]);
        assert_eq!(levels(&[], &vps), [Level::Wrong]);
        let home = place(&["192.168.1.2"], None, None);
        assert_eq!(levels(&["198.41.0.4"], &home), [Level::Warning]);
        assert_eq!(levels(&["198.41.0.4"], &place(&["192.168.1.2"], Some("198.41.0.4"), None)), [Level::Good]);
        assert_eq!(levels(&["198.41.0.4"], &place(&["192.168.1.2"], None, Some("198.41.0.4"))), [Level::Good]);
        let world = FakeWorld::default();
        let unknown = &dns(&world, "unasked.family", &home)[0];
        assert!(unknown.level == Level::Wrong && unknown.text.contains("cannot be asked"), "{unknown}");
    }

    #[test]
    fn a_missing_record_is_named_in_full() {
        let mut world = FakeWorld::default();
        world.names.insert("a.family".to_owned(), Ok(Vec::new()));
        let found = &dns(&world, "a.family", &place(&["198.41.0.4"], None, None))[0];
        assert!(found.fix.contains("A 198.41.0.4"), "{found}");
    }

    #[test]
    fn an_address_of_many_customers_is_recognised() {
        assert!(carrier_nat(&place(&["192.168.1.2"], None, Some("100.70.1.1"))).unwrap().text.contains("100.70.1.1"));
        assert!(carrier_nat(&place(&["192.168.1.2"], Some("198.41.0.4"), Some("198.41.0.5"))).is_some());
        assert_eq!(carrier_nat(&place(&["100.100.1.1"], None, None)).unwrap().level, Level::Warning);
        assert_eq!(carrier_nat(&place(&["192.168.1.2"], Some("198.41.0.4"), Some("198.41.0.4"))), None);
        assert_eq!(carrier_nat(&place(&["100.128.1.1"], None, None)), None);
    }

    #[test]
    fn what_arrives_from_outside_is_tried() {
        let mut world = FakeWorld::default();
        world.names.insert("a.family".to_owned(), Ok(vec![ip("198.41.0.4")]));
        let home = place(&["192.168.1.2"], None, Some("198.41.0.4"));
        assert_eq!(reachable(&world, "a.family", &home)[0].level, Level::Warning);
        world.comes_back = Some(true);
        assert_eq!(reachable(&world, "a.family", &home)[0].level, Level::Good);
        world.names.insert("a.family".to_owned(), Ok(vec![ip("198.41.0.9")]));
        assert_eq!(reachable(&world, "a.family", &home), [], "another machine is not connected to");
    }
}
