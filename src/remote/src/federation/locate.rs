//! Resolves a server name, or the name it delegates to, to addresses (server-server API, "Resolving server names",
//! steps 1, 2 and 3.1 to 6, without `.well-known`).

use std::cmp::Reverse;
use std::net::SocketAddr;

use super::authority::{Authority, Host, PORT};
use crate::connect::dns::{DNS_RECORDS_MAX, Dns, Miss, Service};
use crate::connect::words::Words;

/// The SRV services of homeservers: the current name, and the one from before Matrix 1.8.
const SERVICES: [&str; 2] = ["_matrix-fed._tcp", "_matrix._tcp"];

/// The addresses to try, in groups; earlier groups have priority.
pub(super) async fn locate(dns: &dyn Dns, authority: &Authority) -> Result<Vec<Vec<SocketAddr>>, Words> {
    match (&authority.host, authority.port) {
        (Host::Address(address), port) => Ok(vec![vec![SocketAddr::new(*address, port.unwrap_or(PORT))]]),
        (Host::Name(name), Some(port)) => Ok(vec![addresses(dns, name, port).await?]),
        (Host::Name(name), None) => {
            for service in SERVICES {
                match dns.services(&format!("{service}.{name}")).await {
                    Ok(services) => return of_services(dns, name, services).await,
                    Err(Miss::None) => {}
                    // Not fatal: if the DNS is down, the address look-up below fails and reports it.
                    Err(Miss::Failed(why)) => tracing::debug!(name, why, "Services could not be looked up."),
                }
            }
            Ok(vec![addresses(dns, name, PORT).await?])
        }
    }
}

/// The addresses of SRV records in the order of RFC 2782; within a priority, the highest weight comes first.
async fn of_services(dns: &dyn Dns, name: &str, mut services: Vec<Service>) -> Result<Vec<Vec<SocketAddr>>, Words> {
    services.sort_by_key(|service| (service.priority, Reverse(service.weight)));
    let (mut found, mut why) = (Vec::new(), Words(format!("{name} says in the DNS that it is no homeserver")));
    for service in services {
        // The target "." means that the service does not exist, and a target must not be an address (RFC 2782).
        if service.target.is_empty() || service.port == 0 {
            continue;
        }
        match addresses(dns, &service.target, service.port).await {
            Ok(addresses) => found.push(addresses),
            Err(words) => why = words,
        }
    }
    if found.is_empty() { Err(why) } else { Ok(found) }
}

async fn addresses(dns: &dyn Dns, name: &str, port: u16) -> Result<Vec<SocketAddr>, Words> {
    match dns.addresses(name).await {
        Ok(found) => {
            Ok(found.into_iter().take(DNS_RECORDS_MAX).map(|address| SocketAddr::new(address, port)).collect())
        }
        Err(Miss::None) => Err(Words(format!("there is no address of {name} in the DNS"))),
        Err(Miss::Failed(why)) => Err(Words(format!("{name} could not be looked up: {why}"))),
    }
}
