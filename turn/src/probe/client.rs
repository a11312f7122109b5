//! A client that knows as much of TURN as a test of the relay needs: one question at a time, Send and Data.

use std::io;
use std::net::SocketAddr;

use super::link::Link;
use crate::credentials::Credentials;
use crate::settings::Entropy;
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Class, Key, Message, Method, TransactionId, Writer, attribute};

/// Datagrams may get lost: how often to ask.
const TRIES: u32 = 3;

/// Why a test of the relay failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The name leads nowhere.
    #[error("{0} leads to no address")]
    Name(String),
    /// The relay cannot be connected to.
    #[error("{at} cannot be reached: {error}")]
    Connect {
        /// Where it should be.
        at: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The certificate or the handshake is not in order.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Nobody answered a request.
    #[error("{0} was not answered")]
    Silence(&'static str),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// The relay refused.
    #[error("{what} was refused with {code}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The error code.
        code: u16,
    },
    /// Both clients have addresses, but nothing passes between them.
    #[error("nothing came from {from} to {to}")]
    NothingCame {
        /// One client's relayed address.
        from: SocketAddr,
        /// The other's.
        to: SocketAddr,
    },
}

pub(super) struct ProbeClient {
    link: Link,
    credentials: Credentials,
    entropy: Entropy,
    challenge: Option<(String, Vec<u8>)>,
}

fn is_timeout(error: &io::Error) -> bool {
    // A refused datagram is reported at the next call: nobody listens there, which is silence as well.
    use io::ErrorKind as K;
    matches!(error.kind(), K::WouldBlock | K::TimedOut | K::ConnectionRefused)
}

impl ProbeClient {
    pub(super) fn new(link: Link, credentials: Credentials, entropy: Entropy) -> Self {
        Self { link, credentials, entropy, challenge: None }
    }

    fn transaction(&self) -> TransactionId {
        let mut id = [0; 12];
        (self.entropy)(&mut id);
        id
    }

    fn request(&self, method: Method, fill: &dyn Fn(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, method, Class::Request, self.transaction());
        fill(&mut writer);
        if let Some((realm, nonce)) = &self.challenge {
            let Credentials { username, password } = &self.credentials;
            writer.put(attribute::USERNAME, username.as_bytes());
            writer.put(attribute::REALM, realm.as_bytes()).put(attribute::NONCE, nonce);
            writer.put_integrity(Integrity::Sha1, &Key::long_term(Algorithm::Md5, username, realm, password));
        }
        writer.put_fingerprint();
        out
    }

    /// The answer to a request.
    fn exchange(&mut self, what: &'static str, request: &[u8]) -> Result<Vec<u8>, ProbeError> {
        for _ in 0..TRIES {
            match self.link.send(request).and_then(|()| self.link.receive()) {
                Ok(answer) if answer.get(8..20) == request.get(8..20) => return Ok(answer),
                Ok(_) => {}
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ProbeError::Silence(what))
    }

    /// Asks; after a challenge once more.
    fn ask(
        &mut self,
        what: &'static str,
        method: Method,
        fill: &dyn Fn(&mut Writer<'_>),
    ) -> Result<Vec<u8>, ProbeError> {
        let mut code = 0;
        for _ in 0..2 {
            let request = self.request(method, fill);
            let answer = self.exchange(what, &request)?;
            let Ok(message) = Message::parse(&answer) else { return Err(ProbeError::Silence(what)) };
            code = message.error_code().unwrap_or(0);
            let text = |kind| message.get(kind).map(|found| found.value.to_vec());
            match (code, text(attribute::REALM), text(attribute::NONCE)) {
                (0, _, _) => return Ok(answer),
                (401 | 438, Some(realm), Some(nonce)) => {
                    self.challenge = Some((String::from_utf8_lossy(&realm).into_owned(), nonce));
                }
                _ => break,
            }
        }
        Err(ProbeError::Refused { what, code })
    }

    pub(super) fn allocate(&mut self) -> Result<SocketAddr, ProbeError> {
        let what = "a relayed address";
        let answer =
            self.ask(what, Method::ALLOCATE, &|writer| _ = writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]))?;
        let message = Message::parse(&answer).ok();
        let relayed = message.and_then(|it| it.addresses(attribute::XOR_RELAYED_ADDRESS).next().flatten());
        relayed.ok_or(ProbeError::Silence(what))
    }

    pub(super) fn permit(&mut self, peer: SocketAddr) -> Result<(), ProbeError> {
        let fill = |writer: &mut Writer<'_>| _ = writer.put_address(attribute::XOR_PEER_ADDRESS, peer);
        self.ask("a permission", Method::CREATE_PERMISSION, &fill).map(drop)
    }

    pub(super) fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Result<(), ProbeError> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, Method::SEND, Class::Indication, self.transaction());
        writer.put_address(attribute::XOR_PEER_ADDRESS, peer).put(attribute::DATA, data);
        Ok(self.link.send(&out)?)
    }

    /// Whether this data comes in time.
    pub(super) fn receives(&mut self, data: &[u8]) -> Result<bool, ProbeError> {
        loop {
            match self.link.receive() {
                Ok(packet) => {
                    let found =
                        Message::parse(&packet).ok().and_then(|it| it.get(attribute::DATA).map(|it| it.value == data));
                    if found == Some(true) {
                        return Ok(true);
                    }
                }
                Err(error) if is_timeout(&error) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives the relayed address back. That it does not work is no finding.
    pub(super) fn release(&mut self) {
        let _ = self.ask("the end", Method::REFRESH, &|writer| _ = writer.put_number(attribute::LIFETIME, 0));
    }
}
