//! A vantage point outside: another machine that tries to connect to this one. It is used only if the operator names one
//! (`--vantage HOST:PORT`); there is no default.
//!
//! The protocol is one line each way over TCP. The client sends `HEARTH-REACH 1` and up to eight ports; the vantage point
//! connects to these ports of the address from which the request comes, and of no other, so that it cannot be used to scan
//! others; and it answers a line for each (`443 open`, `443 refused`, `443 timeout`) after a line with that address:
//!
//! ```text
//! > HEARTH-REACH 1 443 8448
//! < address 198.51.100.7
//! < 443 open
//! < 8448 timeout
//! ```
//!
//! `hearth setup --be-vantage 0.0.0.0:7000` is the other side, for a rented server or a friend's.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Result, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use hearth_base::limits::setup::{SETUP_CONNECT_MAX, VANTAGE_LINE_BYTES_MAX, VANTAGE_PORTS_MAX, VANTAGE_WAIT_MAX};

const GREETING: &str = "HEARTH-REACH 1";

/// What the vantage point has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The address from which the request came.
    pub address: IpAddr,
    /// The ports, and whether a connection to each was accepted.
    pub ports: Vec<(u16, bool)>,
}

/// Asks a vantage point to connect to these ports.
///
/// # Errors
/// If it does not answer, or not in this protocol.
pub fn ask(vantage: &str, ports: &[u16]) -> Result<View> {
    let no_address = || std::io::Error::new(ErrorKind::NotFound, "it has no address");
    let at = vantage.to_socket_addrs()?.next().ok_or_else(no_address)?;
    let stream = TcpStream::connect_timeout(&at, SETUP_CONNECT_MAX)?;
    stream.set_read_timeout(Some(VANTAGE_WAIT_MAX))?;
    let wanted: String = ports.iter().map(|port| format!(" {port}")).collect();
    (&stream).write_all(format!("{GREETING}{wanted}\n").as_bytes())?;
    let mut text = String::new();
    stream.take(VANTAGE_LINE_BYTES_MAX * (VANTAGE_PORTS_MAX as u64 + 1)).read_to_string(&mut text)?;
    read(&text).ok_or_else(|| std::io::Error::new(ErrorKind::InvalidData, "it does not speak this protocol"))
}

fn read(text: &str) -> Option<View> {
    let mut lines = text.lines();
    let address = lines.next()?.strip_prefix("address ")?.parse().ok()?;
    let port = |line: &str| {
        let (port, state) = line.split_once(' ')?;
        Some((port.parse().ok()?, state == "open"))
    };
    Some(View { address, ports: lines.map(port).collect::<Option<_>>()? })
}

/// Serves as a vantage point until the listener fails. One client at a time: a check takes seconds and is rare.
///
/// # Errors
/// Those of the listener.
pub fn serve(listener: &TcpListener) -> Result<()> {
    loop {
        let (stream, client) = listener.accept()?;
        // A client that hangs up is not this server's business.
        let _ = answer(&stream, client.ip());
    }
}

fn answer(stream: &TcpStream, client: IpAddr) -> Result<()> {
    stream.set_read_timeout(Some(SETUP_CONNECT_MAX))?;
    stream.set_write_timeout(Some(SETUP_CONNECT_MAX))?;
    let mut line = String::new();
    BufReader::new(stream.take(VANTAGE_LINE_BYTES_MAX)).read_line(&mut line)?;
    let mut out = stream;
    let Some(ports) = line.strip_prefix(GREETING).and_then(parse_ports) else {
        return out.write_all(b"error expected HEARTH-REACH 1 and ports\n");
    };
    let client = client.to_canonical();
    let mut text = format!("address {client}\n");
    for port in ports {
        text.push_str(&format!("{port} {}\n", connect(SocketAddr::new(client, port), SETUP_CONNECT_MAX)));
    }
    out.write_all(text.as_bytes())
}

fn parse_ports(text: &str) -> Option<Vec<u16>> {
    let ports: Vec<u16> = text.split_whitespace().map(str::parse).collect::<std::result::Result<_, _>>().ok()?;
    (!ports.is_empty() && ports.len() <= VANTAGE_PORTS_MAX && !ports.contains(&0)).then_some(ports)
}

fn connect(address: SocketAddr, wait: Duration) -> &'static str {
    match TcpStream::connect_timeout(&address, wait).map_err(|error| error.kind()) {
        Ok(_) => "open",
        Err(ErrorKind::ConnectionRefused) => "refused",
        Err(_) => "timeout",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vantage() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::Builder::new().spawn(move || serve(&listener)).unwrap();
        address
    }

    #[test]
    fn open_and_closed_ports_are_told_apart() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let [open_port, closed_port] = [&open, &closed].map(|listener| listener.local_addr().unwrap().port());
        drop(closed);
        let view = ask(&vantage(), &[open_port, closed_port]).unwrap();
        assert_eq!(view, View { address: [127, 0, 0, 1].into(), ports: vec![(open_port, true), (closed_port, false)] });
    }

    #[test]
    fn other_requests_are_refused() {
        for text in ["", " 0", " 65536", " x", " 1 2 3 4 5 6 7 8 9"] {
            assert_eq!(parse_ports(text), None, "{text}");
        }
        let at = vantage();
        let stream = TcpStream::connect(&at).unwrap();
        (&stream).write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        (&stream).read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("error "), "{answer}");
        assert_eq!(read(&answer), None);
        assert_eq!(read("address 192.0.2.1\n443 open\nnonsense\n"), None);
    }
}
