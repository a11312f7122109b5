//! The DNS, the own addresses, connections to oneself, and the time of others.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant, UNIX_EPOCH};

use hearth_base::Millis;
use hearth_base::limits::setup::{SETUP_ANSWER_BYTES_MAX, SETUP_CONNECT_MAX, SETUP_DNS_WAIT_MAX};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::Name;

use crate::world::DnsFault;

/// The A and AAAA records by the DNS servers of this machine. Its hosts file has no say: Debian lists a machine's own name
/// there as 127.0.1.1, which is not what others find.
pub(super) fn resolve(name: &str) -> Result<Vec<IpAddr>, DnsFault> {
    let fault = |error: &dyn std::fmt::Display| DnsFault(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| fault(&error))?;
    let mut absolute = Name::from_ascii(name).map_err(|error| fault(&error))?;
    absolute.set_fqdn(true);
    runtime.block_on(async {
        let mut builder = TokioResolver::builder_tokio().map_err(|error| fault(&error))?;
        let options = builder.options_mut();
        options.timeout = SETUP_DNS_WAIT_MAX;
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Never;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let resolver = builder.build().map_err(|error| fault(&error))?;
        match resolver.lookup_ip(absolute).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if NetError::is_no_records_found(&error) => Ok(Vec::new()),
            Err(error) => Err(fault(&error)),
        }
    })
}

/// The addresses of this machine that others can use; first those with which it talks to the internet.
pub(super) fn own_addresses() -> Vec<IpAddr> {
    let mut found = hearth_turn::source_addresses();
    for own in hearth_net::own_addresses() {
        if own.is_for_others() && !found.contains(&own.address) {
            found.push(own.address);
        }
    }
    found
}

/// Listens on the port of `address`, connects there, and tells whether the same connection arrives.
pub(super) fn comes_back(address: SocketAddr) -> Option<bool> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let listener = TcpListener::bind((any, address.port())).ok()?;
    listener.set_nonblocking(true).ok()?;
    let Ok(out) = TcpStream::connect_timeout(&address, SETUP_CONNECT_MAX) else { return Some(false) };
    // The router translates addresses, so the two ends are recognised by what is sent between them.
    let nonce = format!("hearth setup {:?}\n", out.local_addr().ok()?);
    if (&out).write_all(nonce.as_bytes()).is_err() {
        return Some(false);
    }
    let until = Instant::now() + SETUP_CONNECT_MAX;
    while Instant::now() < until {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let mut got = vec![0; nonce.len()];
        let timed = stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(SETUP_CONNECT_MAX)));
        if timed.is_ok() && (&stream).read_exact(&mut got).is_ok() && got == nonce.as_bytes() {
            return Some(true);
        }
    }
    Some(false)
}

/// The `Date` header of a web server.
pub(super) fn time_of(server: &str) -> Option<Millis> {
    let address = server.to_socket_addrs().ok()?.next()?;
    let stream = TcpStream::connect_timeout(&address, SETUP_CONNECT_MAX).ok()?;
    stream.set_read_timeout(Some(SETUP_CONNECT_MAX)).ok()?;
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    write!(&stream, "HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    let _ = stream.take(SETUP_ANSWER_BYTES_MAX).read_to_end(&mut answer);
    date(&String::from_utf8_lossy(&answer))
}

fn date(head: &str) -> Option<Millis> {
    let header = head.lines().find(|line| line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("date:")))?;
    let time = httpdate::parse_http_date(header[5..].trim()).ok()?;
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_to_oneself_comes_back() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(comes_back(free), Some(true));
        let taken = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(comes_back(SocketAddr::from(([127, 0, 0, 1], port))), None);
    }

    #[test]
    fn the_time_is_read_from_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 301 x\r\nSERVER: y\r\ndate: Thu, 01 Jan 2026 00:00:01 GMT\r\n\r\n").unwrap();
        });
        assert_eq!(time_of(&address), Some(1_767_225_601_000));
        server.unwrap().join().unwrap();
        assert_eq!(date("HTTP/1.1 200 OK\r\nDate: soon\r\n"), None);
        assert_eq!(date(""), None);
    }
}
