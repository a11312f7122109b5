//! Why an address cannot be listened on, and what to do about it.

use std::io::ErrorKind;
use std::net::SocketAddr;

/// The first port that needs no privilege, unless the system is configured otherwise.
const UNPRIVILEGED: u16 = 1024;

/// The remedy for an error of `bind` or `listen`: a sentence with the exact command.
pub(crate) fn remedy(address: SocketAddr, kind: ErrorKind) -> String {
    let port = address.port();
    match kind {
        ErrorKind::PermissionDenied if port < UNPRIVILEGED => {
            let program = std::env::current_exe().map_or_else(|_| "hearth".to_owned(), |it| it.display().to_string());
            format!(
                "Ports below {UNPRIVILEGED} need a privilege: `sudo setcap cap_net_bind_service=+ep {program}` gives it to \
                 this program until it is replaced, `AmbientCapabilities=CAP_NET_BIND_SERVICE` in a systemd unit gives it \
                 for good; or change `listeners.address`"
            )
        }
        ErrorKind::AddrInUse => format!(
            "Another program uses this port: `sudo ss -ltnp 'sport = :{port}'` shows which. Stop it, or change \
             `listeners.address`"
        ),
        ErrorKind::AddrNotAvailable => {
            "This machine does not have that address: `ip address` lists those that it has. Change `listeners.address`; \
             \"0.0.0.0\" stands for all"
                .to_owned()
        }
        _ => "Change `listeners.address`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_command() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert!(remedy(at(443), ErrorKind::PermissionDenied).contains("setcap cap_net_bind_service=+ep /"));
        assert!(!remedy(at(8008), ErrorKind::PermissionDenied).contains("setcap"));
        assert!(remedy(at(8008), ErrorKind::AddrInUse).contains("ss -ltnp 'sport = :8008'"));
        assert!(remedy(at(8008), ErrorKind::AddrNotAvailable).contains("`ip address`"));
    }
}
