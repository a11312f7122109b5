//! Connects to the first of several addresses that answers, alternating IPv6 and IPv4 (RFC 8305, "Happy Eyeballs").

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use super::words::{self, Words};

/// The head start of each address over the next one (RFC 8305, section 5, recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects. Each group starts after the ones before it had their head start.
pub(super) async fn connect(groups: Vec<Vec<SocketAddr>>) -> Result<(TcpStream, SocketAddr), Words> {
    let mut waiting: VecDeque<SocketAddr> = groups.into_iter().flat_map(in_turns).collect();
    let mut running = FuturesUnordered::new();
    let mut last = Words::new("it has no address");
    loop {
        if let Some(address) = waiting.pop_front() {
            running.push(async move { (address, TcpStream::connect(address).await) });
        }
        let head_start = tokio::time::sleep(HEAD_START);
        tokio::pin!(head_start);
        let outcome = tokio::select! {
            Some(outcome) = running.next() => outcome,
            () = &mut head_start, if !waiting.is_empty() => continue,
            else => return Err(last),
        };
        match outcome {
            (address, Ok(stream)) => return Ok((stream, address)),
            (address, Err(error)) => last = words::of_connecting(&error, address),
        }
        if running.is_empty() && waiting.is_empty() {
            return Err(last);
        }
    }
}

/// IPv6 first, then alternately IPv4 and IPv6 while there are both.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let (mut six, mut four, mut turns) = (six.into_iter(), four.into_iter(), Vec::new());
    loop {
        let (one, other) = (six.next(), four.next());
        if one.is_none() && other.is_none() {
            return turns;
        }
        turns.extend(one.into_iter().chain(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let of = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("an address")).collect::<Vec<_>>();
        let mixed = of(&["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1", "[2606::1]:1", "[2606::2]:1"]);
        let turns = of(&["[2606::1]:1", "1.1.1.1:1", "[2606::2]:1", "1.1.1.2:1", "1.1.1.3:1"]);
        assert_eq!(in_turns(mixed), turns);
    }

    #[tokio::test]
    async fn an_address_that_answers_wins() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let good = listener.local_addr().expect("an address");
        let closed = tokio::net::TcpListener::bind("127.0.0.2:0").await.expect("a port").local_addr().expect("one");
        let (_, address) = connect(vec![vec![closed], vec![good]]).await.expect("the second listens");
        assert_eq!(address, good);
        let words = connect(vec![vec![closed]]).await.expect_err("nothing listens there");
        assert!(words.0.contains("nothing listens"), "{words}");
        assert!(connect(Vec::new()).await.is_err());
    }
}
