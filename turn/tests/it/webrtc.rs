//! webrtc-rs's TURN client, over every transport.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hearth_turn::Transport;
use tokio::net::UdpSocket;
use turn::client::{Client, ClientConfig};
use webrtc_util::Conn;

use super::harness::{Echo, Relay, credentials};
use super::proxy::Proxy;
use super::streams::relay_at;

async fn client(relay: SocketAddr, user: &str) -> Client {
    let conn = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let credentials = credentials(user);
    let config = ClientConfig {
        stun_serv_addr: relay.to_string(),
        turn_serv_addr: relay.to_string(),
        username: credentials.username,
        password: credentials.password,
        realm: "hearth".to_owned(),
        software: String::new(),
        rto_in_ms: 0,
        conn,
        vnet: None,
    };
    let client = Client::new(config).await.unwrap();
    client.listen().await.unwrap();
    client
}

#[tokio::test]
async fn webrtc_rs_relays_to_a_peer() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let client = client(relay.udp(), "@alice:example.org").await;
    let mapped = client.send_binding_request().await.unwrap();
    assert_eq!(mapped.ip().to_string(), "127.0.0.1");
    let conn = client.allocate().await.unwrap();
    let mut buffer = [0; 2_048];
    for index in 0..100u8 {
        let data = vec![index; 100 + usize::from(index)];
        conn.send_to(&data, echo.at).await.unwrap();
        let got = tokio::time::timeout(Duration::from_secs(5), conn.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..got.0], got.1), (&data[..], echo.at));
    }
    // The client has bound a channel by now.
    assert_eq!(relay.running.allocations()[0].channels, 1);
    client.close().await.unwrap();
}

#[tokio::test]
async fn two_webrtc_rs_clients_reach_each_other() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        for ip in ["127.0.0.1", "::1"] {
            meet(ip, transport).await;
        }
    }
}

async fn meet(ip: &str, transport: Transport) {
    let here = relay_at(ip);
    let proxy = Proxy::to(&here, transport).await;
    let clients = (client(proxy.at, "@alice:example.org").await, client(proxy.at, "@bob:example.org").await);
    let (one, other) = (clients.0.allocate().await.unwrap(), clients.1.allocate().await.unwrap());
    assert!(here.relay.running.allocations().iter().all(|held| held.transport == transport));
    let (at_one, at_other) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    // Both sides need a permission first.
    other.send_to(b"open", at_one).await.unwrap();
    let mut buffer = [0; 2_048];
    for index in 0..50u8 {
        one.send_to(&[index; 160], at_other).await.unwrap();
        let got = tokio::time::timeout(Duration::from_secs(5), other.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..got.0], got.1), (&[index; 160][..], at_one));
        other.send_to(&[index; 99], at_one).await.unwrap();
        let got = tokio::time::timeout(Duration::from_secs(5), one.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(got.1, at_other);
    }
    clients.0.close().await.unwrap();
    clients.1.close().await.unwrap();
}
