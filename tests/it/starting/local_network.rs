//! A first start without a configuration, and one that devices in the local network reach.

use hearth_base::net::own_addresses;

use super::program::{Program, text};
use crate::harness::Client;

#[test]
fn the_first_start_tells_what_the_name_is_for_until_there_is_an_account() {
    let program = Program::new();
    program.configure("[[listeners]]\naddress = \"127.0.0.1:0\"");
    let served = program.serve();
    let seen = served.waits_for("ctl users create NAME --admin");
    assert!(seen.contains("no name yet") && seen.contains("below [server] in hearth.toml"), "{seen}");
    assert!(text(&program.run(&["ctl", "users", "create", "kid", "--admin"])).contains("@kid:localhost"));
    served.stops();
    let served = program.serve();
    assert!(!served.seen().contains("no name yet"), "it can no longer be chosen: {}", served.seen());
    served.stops();
}

#[tokio::test]
async fn with_lan_clients_are_given_the_address_that_they_have_used() {
    let own = own_addresses().into_iter().find(|own| own.is_for_others() && own.address.is_ipv4());
    let Some(own) = own.map(|own| own.address) else { return };
    let program = Program::new();
    program.configure("[[listeners]]\naddress = \"0.0.0.0:0\"");
    let served = program.serve();
    let seen = served.waits_for("ctl users create NAME --admin");
    let port: u16 = port_of(&seen);
    let client = Client::new(format!("http://{own}:{port}"));
    for (host, base) in [
        (format!("{own}:{port}"), format!("http://{own}:{port}")),
        ("evil.example".to_owned(), "http://localhost:0".to_owned()),
    ] {
        for path in ["/.well-known/matrix/client", "/"] {
            let answer = client.get(path).header("host", &host).await;
            answer.status_is(200);
            assert!(answer.html().contains(&base), "{host} {path}: {}", answer.html());
        }
    }
    served.stops();
}

/// The port in the log line of the only listener.
fn port_of(seen: &str) -> u16 {
    let (_, rest) = seen.split_once("http://0.0.0.0:").expect("it listens");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a port")
}
