//! Runs in a network namespace that counts packets: nothing leaves for a forbidden address, whatever an
//! authenticated client requests.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use hearth_turn::stun::attribute;

use super::client::{Client, Datagrams};
use super::harness::Relay;

#[path = "../../../src/net/src/samples.rs"]
mod table;

const HERE_V4: &str = "45.32.1.2";
const HERE_V6: &str = "2a01:4f8::2";
/// A namespace with one route out, to a device that counts and drops packets.
const SET_UP: &str = "set -e; ip link set lo up; ip link add name out type veth peer name away; ip link set out arp off; ip link set away up; ip addr add 45.32.1.2/24 dev out; \
    ip addr add 192.168.7.7/24 dev out; echo 0 > /proc/sys/net/ipv6/conf/out/router_solicitations; \
    ip link set out up; ip addr add 2a01:4f8::2/64 dev out nodad; \
    ip route add default via 45.32.1.1 dev out; ip route add default via 2a01:4f8::1 dev out; sleep 3; \
    exec \"$0\" --ignored --exact netns::inside --nocapture";

#[test]
#[ignore = "needs root, unshare and ip: cargo test -p hearth-turn -- --ignored netns::nothing_leaks"]
fn nothing_leaks() {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", SET_UP]).arg(std::env::current_exe().unwrap()).env("HEARTH_TURN_NETNS", "1");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{text}");
}

/// Packets sent through an interface of the namespace.
fn sent(interface: &str) -> u64 {
    let table = std::fs::read_to_string("/proc/self/net/dev").unwrap();
    let line = table.lines().find_map(|line| line.trim().strip_prefix(&format!("{interface}:"))).unwrap();
    line.split_whitespace().nth(9).unwrap().parse().unwrap()
}

#[test]
#[ignore = "run by nothing_leaks"]
#[expect(clippy::disallowed_methods, reason = "whether this is the inner run")]
fn inside() {
    if std::env::var_os("HEARTH_TURN_NETNS").is_none() {
        return;
    }
    let relay = Relay::with(|settings| {
        settings.peers.allow.clear();
        settings.public.v4 = Some(HERE_V4.parse().unwrap());
        settings.public.v6 = Some(HERE_V6.parse().unwrap());
    });
    let mut client = Client::new(Datagrams::to(relay.udp()));
    let answer = client.allocate_with(&|w| _ = w.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    assert_eq!(answer.code, 0);

    let mut refused: Vec<IpAddr> =
        [HERE_V4, HERE_V6, "192.168.7.7", "127.0.0.1"].map(|ip| ip.parse().unwrap()).to_vec();
    refused.extend(table::refused());

    let (out, local) = (sent("out"), sent("lo"));
    for ip in &refused {
        let peer = SocketAddr::new(*ip, 53);
        assert_eq!(client.permit(peer), 403, "CreatePermission for {peer}");
        assert_eq!(client.bind(0x4000, peer), 403, "ChannelBind for {peer}");
        client.send(peer, b"Send");
        client.send_channel(0x4000, b"ChannelData");
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(sent("out") - out, 0, "packets left");
    // Two requests, two responses and two datagrams per address; anything more would come from the relay.
    assert_eq!(sent("lo") - local, 6 * refused.len() as u64, "packets went to this machine");

    // Cross-check: a permitted packet is counted.
    for peer in ["9.9.9.9:9", "[2600::9]:9"] {
        let (peer, out): (SocketAddr, u64) = (peer.parse().unwrap(), sent("out"));
        assert_eq!(client.permit(peer), 0);
        client.send(peer, b"Send");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(sent("out") - out, 1, "to {peer}");
    }
    println!("{} addresses refused four ways; no packet left", refused.len());
}
