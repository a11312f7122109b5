//! Which addresses to try for a server name, or for what it is delegated to (server-server API, "Resolving server
//! names", steps 1, 2 and 3.1 to 6, all but the `.well-known`).

use std::cmp::Reverse;
use std::net::SocketAddr;

use super::authority::{Authority, Host, PORT};
use crate::connect::dns::{Dns, Miss, RECORDS_MAX, Service};
use crate::connect::words::Words;

/// The services under which a homeserver may be listed, the present one and the one from before Matrix 1.8.
const SERVICES: [&str; 2] = ["_matrix-fed._tcp", "_matrix._tcp"];

/// The addresses to try, in groups: those of an earlier group come first.
pub(super) async fn locate(dns: &dyn Dns, authority: &Authority) -> Result<Vec<Vec<SocketAddr>>, Words> {
    match (&authority.host, authority.port) {
        (Host::Address(address), port) => Ok(vec![vec![SocketAddr::new(*address, port.unwrap_or(PORT))]]),
        (Host::Name(name), Some(port)) => Ok(vec![addresses(dns, name, port).await?]),
        (Host::Name(name), None) => {
            for service in SERVICES {
                match dns.services(&format!("{service}.{name}")).await {
                    Ok(services) => return of_services(dns, name, services).await,
                    Err(Miss::None) => {}
                    // Whether it matters, the look-up of the addresses will show.
                    Err(Miss::Failed(why)) => tracing::debug!(name, why, "Services could not be looked up."),
                }
            }
            Ok(vec![addresses(dns, name, PORT).await?])
        }
    }
}

/// The addresses of a name's services, in the order of RFC 2782; among equals, the heaviest comes first.
async fn of_services(dns: &dyn Dns, name: &str, mut services: Vec<Service>) -> Result<Vec<Vec<SocketAddr>>, Words> {
    services.sort_by_key(|service| (service.priority, Reverse(service.weight)));
    let (mut found, mut why) = (Vec::new(), Words(format!("{name} says in the DNS that it is no homeserver")));
    for service in services {
        // A target of "." means that there is no such service; an address is no name (RFC 2782).
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
        Ok(found) => Ok(found.into_iter().take(RECORDS_MAX).map(|address| SocketAddr::new(address, port)).collect()),
        Err(Miss::None) => Err(Words(format!("there is no address of {name} in the DNS"))),
        Err(Miss::Failed(why)) => Err(Words(format!("{name} could not be looked up: {why}"))),
    }
}
