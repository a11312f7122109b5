//! The router of this machine.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// The gateway of the default route for IPv4, by `/proc/net/route`.
pub(super) fn default_gateway() -> Option<Ipv4Addr> {
    gateway(&std::fs::read_to_string("/proc/net/route").ok()?)
}

fn gateway(routes: &str) -> Option<Ipv4Addr> {
    // The kernel prints each number as the machine stores it: least significant byte first on all that Hearth runs on.
    let number = |text: &str| u32::from_str_radix(text, 16).map(u32::swap_bytes).ok();
    let default = routes.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (destination, gateway, metric) = (number(fields.get(1)?)?, number(fields.get(2)?)?, fields.get(6)?);
        (destination == 0 && gateway != 0).then_some((metric.parse::<u32>().ok()?, Ipv4Addr::from(gateway)))
    });
    default.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

/// The address of this machine on the side of `gateway`. Nothing is sent.
pub(super) fn source_towards(gateway: Ipv4Addr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((gateway, super::PCP_PORT)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(ip) if !ip.is_loopback() => Some(ip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_with_the_lowest_metric_counts() {
        let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                      wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                      eth0\t00000000\tFE01A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                      eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(gateway(routes), Some(Ipv4Addr::new(192, 168, 1, 254)));
        assert_eq!(gateway("Iface\n"), None);
    }
}
