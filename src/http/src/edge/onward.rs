//! A connection upgraded from HTTP: a handler attaches an [`Onward`] to its 101 response, and the connection's task
//! then copies bytes in both directions until one side closes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits;
use hearth_base::limits::http::ONWARD_REST_MAX;
use hearth_domain::ports::Duplex;
use hearth_domain::rtc::SignallingPermit;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

/// Bytes per read.
const PIECE_BYTES: usize = 8 * 1024;

/// The other end, to be taken once. Shared, because extensions of a response must be `Clone`.
#[derive(Clone)]
pub struct Onward(Arc<Mutex<Option<Box<dyn Duplex>>>>, Arc<SignallingPermit>);

impl Onward {
    /// Connects to `other`; `pass` is held until the connection ends.
    #[must_use]
    pub fn new(other: Box<dyn Duplex>, pass: SignallingPermit) -> Self {
        Self(Arc::new(Mutex::new(Some(other))), Arc::new(pass))
    }

    /// Copies bytes in both directions, until one side closes, an error, or a silence of
    /// [`limits::RTC_SILENCE_MS_MAX`].
    pub async fn carry(self, client: impl Duplex) {
        let Some(other) = self.0.lock().take() else { return };
        between(client, other, Duration::from_millis(limits::RTC_SILENCE_MS_MAX)).await;
    }
}

async fn between(one: impl Duplex, other: impl Duplex, silence_max: Duration) {
    let heard = Mutex::new(Instant::now());
    let ((one_out, one_in), (other_out, other_in)) = (tokio::io::split(one), tokio::io::split(other));
    let mut there = std::pin::pin!(one_way(one_out, other_in, &heard));
    let mut back = std::pin::pin!(one_way(other_out, one_in, &heard));
    // Errors are dropped: the response has been sent, so they cannot be reported.
    tokio::select! {
        _ = there.as_mut() => {
            let _ = tokio::time::timeout(ONWARD_REST_MAX, back).await;
        }
        _ = back.as_mut() => {
            let _ = tokio::time::timeout(ONWARD_REST_MAX, there).await;
        }
        () = silence(&heard, silence_max) => {}
    }
}

async fn one_way<F: Duplex, T: Duplex>(
    mut from: ReadHalf<F>,
    mut to: WriteHalf<T>,
    heard: &Mutex<Instant>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..read]).await?;
        to.flush().await?;
        *heard.lock() = Instant::now();
    }
}

/// Completes after `max` without a byte in either direction.
async fn silence(heard: &Mutex<Instant>, max: Duration) {
    loop {
        let until = *heard.lock() + max;
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

impl std::fmt::Debug for Onward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Onward").field(&self.1).finish()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const LONG: Duration = Duration::from_secs(90);

    fn ends() -> (DuplexStream, DuplexStream, impl Future<Output = ()>) {
        let ((client, here), (there, sfu)) = (duplex(64), duplex(64));
        (client, sfu, between(here, there, LONG))
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_an_end_is_passed_on() {
        let (mut client, mut sfu, carrying) = ends();
        let talking = async {
            let long = vec![7; 3 * PIECE_BYTES];
            let (sent, read) = tokio::join!(client.write_all(&long), async {
                let mut buffer = vec![0; long.len()];
                sfu.read_exact(&mut buffer).await.expect("all of it");
                buffer
            });
            sent.expect("sent");
            assert!(read == long);
            sfu.write_all(b"back").await.expect("sent");
            let mut buffer = [0; 4];
            client.read_exact(&mut buffer).await.expect("what came back");
            drop(sfu);
            assert_eq!(client.read(&mut buffer).await.expect("an end"), 0);
            drop(client);
        };
        tokio::join!(carrying, talking);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_and_talk_does_not() {
        let (mut client, mut sfu, carrying) = ends();
        let began = Instant::now();
        let talking = async {
            for _ in 0..10 {
                tokio::time::sleep(LONG / 2).await;
                client.write_all(b"x").await.expect("sent");
                sfu.read_u8().await.expect("arrived");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = carrying => {}
            () = talking => {}
        }
        assert!(began.elapsed() >= 5 * LONG + LONG && began.elapsed() < 7 * LONG, "{:?}", began.elapsed());
    }
}
