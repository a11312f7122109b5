//! UPnP: finds an internet gateway device (IGD) by SSDP, and asks its WAN connection service by SOAP.
//!
//! Any machine of the local network can answer a search. So only a device is asked that is the default gateway, and no
//! address that it names is followed elsewhere.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hearth_base::limits::setup::{SETUP_ANSWER_BYTES_MAX, SETUP_CONNECT_MAX, SSDP_WAIT_MAX};

use super::MapError;
use crate::world::Transport;

/// Devices of version 2 answer to it as well.
const DEVICE: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
/// The services that forward ports, best first.
const SERVICES: [&str; 3] = [
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
];
/// The largest datagram that is read of an answer to a search.
const DATAGRAM_BYTES: usize = 2_048;
/// The error of a router that forwards for ever or not at all.
const ONLY_PERMANENT: &str = "725";

/// The WAN connection service of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    at: SocketAddr,
    path: String,
    kind: &'static str,
}

/// Searches for the gateway's service, and asks it for its outer address.
pub(super) fn find(search: SocketAddr, local: Ipv4Addr, gateway: Ipv4Addr) -> Option<(Service, IpAddr)> {
    let (at, path) = location(search, local, gateway)?;
    let description = get(at, &path)?;
    let service = service(&description, at)?;
    let answer = ask(&service, "GetExternalIPAddress", "").ok()?;
    let external = tag(&answer, "NewExternalIPAddress")?.trim().parse().ok()?;
    Some((service, external))
}

/// The address and path of the gateway's description.
fn location(search: SocketAddr, local: Ipv4Addr, gateway: Ipv4Addr) -> Option<(SocketAddr, String)> {
    let socket = UdpSocket::bind((local, 0)).ok()?;
    let request =
        format!("M-SEARCH * HTTP/1.1\r\nHOST: {search}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {DEVICE}\r\n\r\n");
    // Twice, because a datagram may be lost.
    socket.send_to(request.as_bytes(), search).ok()?;
    socket.send_to(request.as_bytes(), search).ok()?;
    let until = Instant::now() + SSDP_WAIT_MAX;
    let mut buffer = [0; DATAGRAM_BYTES];
    loop {
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).ok()?;
        let (length, from) = socket.recv_from(&mut buffer).ok()?;
        if from.ip() != IpAddr::V4(gateway) {
            continue;
        }
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if let Some(found) = header(&text, "location").and_then(|url| split(url, gateway)) {
            return Some(found);
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// The address and path of a URL of the gateway; `None` for one that leads elsewhere.
fn split(url: &str, gateway: Ipv4Addr) -> Option<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = match authority.parse::<SocketAddr>() {
        Ok(address) => address,
        Err(_) => SocketAddr::new(authority.parse().ok()?, 80),
    };
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic());
    (address.ip() == IpAddr::V4(gateway) && plain).then(|| (address, format!("/{path}")))
}

/// The best service of a description.
fn service(description: &str, at: SocketAddr) -> Option<Service> {
    SERVICES.into_iter().find_map(|kind| {
        let mut blocks = description.split("<service>").skip(1);
        let block = blocks.find(|block| tag(block, "serviceType").is_some_and(|found| found.trim() == kind))?;
        let control = tag(block, "controlURL")?.trim();
        let path = match control.strip_prefix("http://") {
            Some(rest) => format!("/{}", rest.split_once('/')?.1),
            None => format!("/{}", control.trim_start_matches('/')),
        };
        path.bytes().all(|byte| byte.is_ascii_graphic()).then_some(Service { at, path, kind })
    })
}

/// The text between a tag and its end.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.split_once(&format!("<{name}>"))?.1;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
}

pub(super) fn map(
    service: &Service,
    local: Ipv4Addr,
    port: u16,
    transport: Transport,
    lifetime: Duration,
) -> Result<(), MapError> {
    let add = |seconds: u64| {
        let arguments = format!(
            "<NewRemoteHost></NewRemoteHost><NewExternalPort>{port}</NewExternalPort><NewProtocol>{}</NewProtocol>\
             <NewInternalPort>{port}</NewInternalPort><NewInternalClient>{local}</NewInternalClient>\
             <NewEnabled>1</NewEnabled><NewPortMappingDescription>Hearth</NewPortMappingDescription>\
             <NewLeaseDuration>{seconds}</NewLeaseDuration>",
            transport.as_str()
        );
        ask(service, "AddPortMapping", &arguments)
    };
    let added = match add(lifetime.as_secs()) {
        Err(AskError::Refused(code)) if code == ONLY_PERMANENT => add(0),
        added => added,
    };
    added.map(drop).map_err(|error| error.about(port))
}

pub(super) fn unmap(service: &Service, port: u16, transport: Transport) -> Result<(), MapError> {
    let arguments = format!(
        "<NewRemoteHost></NewRemoteHost><NewExternalPort>{port}</NewExternalPort><NewProtocol>{}</NewProtocol>",
        transport.as_str()
    );
    ask(service, "DeletePortMapping", &arguments).map(drop).map_err(|error| error.about(port))
}

/// A request that failed.
enum AskError {
    NoAnswer,
    /// With this UPnP error code.
    Refused(String),
}

impl AskError {
    fn about(self, port: u16) -> MapError {
        match self {
            Self::NoAnswer => MapError("The router does not answer.".to_owned()),
            // 718: ConflictInMappingEntry.
            Self::Refused(code) if code == "718" => {
                MapError(format!("Port {port} of the router is in use by another machine or by the router itself."))
            }
            Self::Refused(code) => MapError(format!("The router refuses to forward port {port} (UPnP error {code}).")),
        }
    }
}

fn ask(service: &Service, action: &str, arguments: &str) -> Result<String, AskError> {
    let Service { at, path, kind } = service;
    let body = format!(
        "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:{action} xmlns:u=\"{kind}\">{arguments}\
         </u:{action}></s:Body></s:Envelope>"
    );
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: {at}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction: \
         \"{kind}#{action}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = exchange(*at, &request).ok_or(AskError::NoAnswer)?;
    match status {
        200 => Ok(answer),
        _ => Err(AskError::Refused(
            tag(&answer, "errorCode").map_or_else(|| status.to_string(), |code| code.trim().to_owned()),
        )),
    }
}

fn get(at: SocketAddr, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    exchange(at, &request).filter(|(status, _)| *status == 200).map(|(_, body)| body)
}

/// Sends a request and reads the whole answer. HTTP/1.0, so that its body is not in chunks.
fn exchange(at: SocketAddr, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&at, SETUP_CONNECT_MAX).ok()?;
    stream.set_read_timeout(Some(SETUP_CONNECT_MAX)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let _ = stream.take(SETUP_ANSWER_BYTES_MAX).read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::*;

    const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const HOUR: Duration = Duration::from_secs(3_600);
    const DESCRIPTION: &str = "<root><device><serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1\
        </serviceType><controlURL>/no</controlURL></service><service>\n<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1\
        </serviceType>\n<controlURL>/ctl/IPConn</controlURL></service></serviceList></device></root>";

    /// A router over TCP that answers by the function, and the requests that it got.
    fn router(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind((LOCAL, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&seen);
        let serve = move || {
            for stream in listener.incoming() {
                let (mut stream, mut buffer) = (stream.unwrap(), [0; 8_192]);
                let mut request = String::new();
                loop {
                    let length = stream.read(&mut buffer).unwrap();
                    request.push_str(&String::from_utf8_lossy(&buffer[..length]));
                    if length == 0 || request.ends_with("\r\n\r\n") || request.ends_with("</s:Envelope>") {
                        break;
                    }
                }
                let (status, body) = answer(&request);
                log.lock().unwrap().push(request);
                write!(stream, "HTTP/1.1 {status} x\r\nServer: x\r\n\r\n{body}").unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        (address, seen)
    }

    fn answers(request: &str) -> (u16, String) {
        match request {
            _ if request.starts_with("GET /desc.xml") => (200, DESCRIPTION.to_owned()),
            _ if request.contains("#GetExternalIPAddress") => {
                (200, "<NewExternalIPAddress>198.41.0.4</NewExternalIPAddress>".to_owned())
            }
            _ if request.contains("<NewLeaseDuration>3600<") => (500, "<errorCode>725</errorCode>".to_owned()),
            _ if request.contains("<NewExternalPort>80<") => (500, "<errorCode>718</errorCode>".to_owned()),
            _ => (200, String::new()),
        }
    }

    /// Answers each search with this location.
    fn ssdp(location: String) -> SocketAddr {
        let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let serve = move || {
            let mut buffer = [0; DATAGRAM_BYTES];
            while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                socket.send_to(format!("HTTP/1.1 200 OK\r\nLocation: {location}\r\n\r\n").as_bytes(), from).unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        address
    }

    #[test]
    fn a_router_is_found_and_forwards() {
        let (at, seen) = router(answers);
        let (service, external) = find(ssdp(format!("http://{at}/desc.xml")), LOCAL, LOCAL).expect("a router");
        assert_eq!(
            (service.path.as_str(), service.kind, external.to_string().as_str()),
            ("/ctl/IPConn", SERVICES[1], "198.41.0.4")
        );
        map(&service, LOCAL, 443, Transport::Tcp, HOUR).unwrap();
        unmap(&service, 443, Transport::Tcp).unwrap();
        let seen = seen.lock().unwrap();
        let permanent =
            seen.iter().find(|request| request.contains("<NewLeaseDuration>0<")).expect("asked again without an end");
        assert!(permanent.contains("<NewInternalClient>127.0.0.1<") && permanent.contains("<NewProtocol>TCP<"));
        assert!(seen.last().unwrap().contains("#DeletePortMapping"));
    }

    #[test]
    fn a_refusal_is_explained() {
        let (at, _) = router(answers);
        let service = Service { at, path: "/ctl".to_owned(), kind: SERVICES[0] };
        let refused = map(&service, LOCAL, 80, Transport::Tcp, Duration::from_secs(60)).unwrap_err();
        assert!(refused.0.contains("in use"), "{refused}");
    }

    #[test]
    fn no_other_machine_is_asked() {
        let gateway = Ipv4Addr::new(192, 168, 1, 1);
        assert!(split("http://192.168.1.1:5000/x", gateway).is_some());
        assert_eq!(split("http://192.168.1.1/x", gateway).unwrap().0.port(), 80);
        for url in
            ["http://192.168.1.2:5000/x", "https://192.168.1.1/x", "http://router/x", "http://192.168.1.1/a b", "x"]
        {
            assert_eq!(split(url, gateway), None, "{url}");
        }
        let elsewhere = ssdp("http://192.0.2.1/desc.xml".to_owned());
        assert_eq!(location(elsewhere, LOCAL, LOCAL), None);
        let twisted = DESCRIPTION.replace("/ctl/IPConn", "http://192.0.2.1:1/ctl");
        assert_eq!(service(&twisted, SocketAddr::from((LOCAL, 5000))).map(|found| found.path), Some("/ctl".to_owned()));
        assert_eq!(service("<service>", SocketAddr::from((LOCAL, 5000))), None);
    }
}
