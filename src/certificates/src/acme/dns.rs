//! Dynamic updates of the DNS (RFC 2136), signed with a shared key (TSIG, RFC 8945): one TXT record is added or removed.
//!
//! hickory can do this with its DNSSEC code, which the program has no other use for; this is one message of fixed form. The answer's
//! own signature is not checked: a forged answer gains nothing, since the authority looks for the record itself.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hearth_base::config::{Acme as Settings, TsigAlgorithm};
use hearth_base::limits::certificates::{DNS_ANSWER_BYTES_MAX, DNS_UPDATE_MAX, TSIG_FUDGE_S};
use hearth_base::{Error, Result, Seams};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::guard::Failure;

const TYPE_SOA: u16 = 6;
const TYPE_TXT: u16 = 16;
const TYPE_TSIG: u16 = 250;
const CLASS_IN: u16 = 1;
const CLASS_NONE: u16 = 254;
const CLASS_ANY: u16 = 255;
/// Opcode 5 in the flags.
const UPDATE: u16 = 5 << 11;
/// How long resolvers may keep the record, in seconds.
const TTL_S: u32 = 60;

/// A TXT record that proves a name.
#[derive(Debug, Clone)]
pub(super) struct Record {
    name: String,
    text: String,
}

impl Record {
    /// The record of DNS-01 (RFC 8555 section 8.4).
    pub(super) fn challenge(name: &str, authorization: &str) -> Self {
        let text = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(authorization));
        Self { name: format!("_acme-challenge.{}", name.trim_start_matches("*.")), text }
    }
}

/// The DNS server that takes updates.
pub(super) struct DnsUpdates {
    server: SocketAddr,
    zone: Option<String>,
    key_name: String,
    key: Vec<u8>,
    algorithm: TsigAlgorithm,
    seams: Seams,
}

impl DnsUpdates {
    pub(super) fn new(settings: &Settings, seams: Seams) -> Result<Self> {
        let missing = || Error::broken("`dns-01` needs `acme.dns_server`, `acme.dns_key_name` and `acme.dns_key`");
        let server = settings.dns_server.as_deref().and_then(|server| server.parse().ok()).ok_or_else(missing)?;
        let key = settings.dns_key.as_ref().ok_or_else(missing)?.reveal().trim().to_owned();
        let key =
            BASE64_STANDARD.decode(key).map_err(|error| Error::fault("reading `acme.dns_key` as base64", error))?;
        Ok(Self {
            server,
            zone: settings.dns_zone.clone(),
            key_name: settings.dns_key_name.clone().ok_or_else(missing)?,
            key,
            algorithm: settings.dns_key_algorithm,
            seams,
        })
    }

    pub(super) async fn add(&self, record: &Record) -> Result<(), Failure> {
        self.update(record, CLASS_IN, TTL_S).await
    }

    pub(super) async fn remove(&self, record: &Record) -> Result<(), Failure> {
        self.update(record, CLASS_NONE, 0).await
    }

    async fn update(&self, record: &Record, class: u16, ttl: u32) -> Result<(), Failure> {
        let mut id = [0; 2];
        self.seams.random.fill(&mut id);
        let failed =
            |error: String| Failure::unreachable(format!("the DNS server {} cannot be updated: {error}", self.server));
        let message = self.message(record, class, ttl, id).map_err(&failed)?;
        let answered = tokio::time::timeout(DNS_UPDATE_MAX, exchange(self.server, &message)).await;
        let answer = match answered {
            Ok(answer) => answer.map_err(|error| failed(error.to_string()))?,
            Err(_) => return Err(failed("it takes too long to answer".to_owned())),
        };
        match answer.get(..4) {
            Some([one, two, _, flags]) if [*one, *two] == id => match flags & 15 {
                0 => Ok(()),
                code => Err(failed(refusal(code))),
            },
            _ => Err(failed("its answer makes no sense".to_owned())),
        }
    }

    /// The zone of a record: the configured one, or its last two labels.
    fn zone(&self, record: &Record) -> String {
        let labels: Vec<&str> = record.name.trim_end_matches('.').split('.').collect();
        self.zone.clone().unwrap_or_else(|| labels[labels.len().saturating_sub(2)..].join("."))
    }

    /// The whole message: an update of one record, and its signature.
    fn message(&self, record: &Record, class: u16, ttl: u32, id: [u8; 2]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        out.extend(id);
        // One zone, no prerequisites, one update, and for now nothing else.
        for field in [UPDATE, 1, 0, 1, 0] {
            out.extend(field.to_be_bytes());
        }
        name(&mut out, &self.zone(record))?;
        numbers(&mut out, &[TYPE_SOA, CLASS_IN]);
        name(&mut out, &record.name)?;
        numbers(&mut out, &[TYPE_TXT, class]);
        out.extend(ttl.to_be_bytes());
        let text = record.text.as_bytes();
        let length = u8::try_from(text.len()).map_err(|error| error.to_string())?;
        numbers(&mut out, &[u16::from(length) + 1]);
        out.push(length);
        out.extend(text);
        self.sign(&mut out, id)?;
        Ok(out)
    }

    /// Appends the TSIG record (RFC 8945 section 4.2).
    fn sign(&self, out: &mut Vec<u8>, id: [u8; 2]) -> Result<(), String> {
        let algorithm = format!("{}.", self.algorithm.as_str());
        let seconds = self.seams.clock.now_ms() / 1_000;
        // 48 bits.
        let time = seconds.to_be_bytes()[2..].to_vec();
        // What is signed besides the message (section 4.3.3).
        let mut variables = Vec::new();
        name(&mut variables, &self.key_name)?;
        numbers(&mut variables, &[CLASS_ANY, 0, 0]);
        name(&mut variables, &algorithm)?;
        variables.extend(&time);
        numbers(&mut variables, &[TSIG_FUDGE_S, 0, 0]);
        let mac = self.mac(&[out, &variables])?;
        let mut data = Vec::new();
        name(&mut data, &algorithm)?;
        data.extend(&time);
        numbers(&mut data, &[TSIG_FUDGE_S, mac.len() as u16]);
        data.extend(&mac);
        data.extend(id);
        numbers(&mut data, &[0, 0]);
        name(out, &self.key_name)?;
        numbers(out, &[TYPE_TSIG, CLASS_ANY, 0, 0, data.len() as u16]);
        out.extend(data);
        // One additional record.
        out[11] = 1;
        Ok(())
    }

    fn mac(&self, parts: &[&[u8]]) -> Result<Vec<u8>, String> {
        fn over<M: Mac + hmac::digest::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, String> {
            let mut mac = <M as Mac>::new_from_slice(key).map_err(|error| error.to_string())?;
            parts.iter().for_each(|part| mac.update(part));
            Ok(mac.finalize().into_bytes().to_vec())
        }
        match self.algorithm {
            TsigAlgorithm::HmacSha256 => over::<Hmac<Sha256>>(&self.key, parts),
            TsigAlgorithm::HmacSha512 => over::<Hmac<Sha512>>(&self.key, parts),
        }
    }
}

fn numbers(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| out.extend(number.to_be_bytes()));
}

/// A domain name without compression, in lower case as signatures want it.
fn name(out: &mut Vec<u8>, name: &str) -> Result<(), String> {
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length));
        out.push(length.ok_or_else(|| format!("{name} is not a domain name"))?);
        out.extend(label.to_ascii_lowercase().bytes());
    }
    out.push(0);
    Ok(())
}

/// Sends a message over TCP and reads the answer.
async fn exchange(server: SocketAddr, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    stream.write_all(&framed).await?;
    let length = usize::from(stream.read_u16().await?).min(DNS_ANSWER_BYTES_MAX);
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// A response code in words (RFC 2136 section 2.2, RFC 8945 section 5.2).
fn refusal(code: u8) -> String {
    match code {
        5 => "it refuses the update: is the key allowed to change this record?".to_owned(),
        9 => "it does not know the key or the time differs (NOTAUTH): compare `acme.dns_key_name`, `acme.dns_key` and \
              the clocks, and whether `acme.dns_zone` is served there"
            .to_owned(),
        10 => "the record is not in that zone: set `acme.dns_zone`".to_owned(),
        code => format!("it answers with code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hearth_base::clock::ManualClock;
    use hearth_base::config::Secret;
    use hearth_base::random::SeededRandom;

    use super::*;

    fn updates(zone: Option<&str>) -> DnsUpdates {
        let settings = Settings {
            dns_server: Some("127.0.0.1:53".to_owned()),
            dns_zone: zone.map(str::to_owned),
            dns_key_name: Some("Key.".to_owned()),
            dns_key: Some(Secret::new("c2VjcmV0")),
            ..Settings::default()
        };
        let seams =
            Seams { clock: Arc::new(ManualClock::at(1_700_000_000_000)), random: Arc::new(SeededRandom::new(1)) };
        DnsUpdates::new(&settings, seams).unwrap()
    }

    #[test]
    fn the_record_is_that_of_the_challenge() {
        let record = Record::challenge("*.a.example", "token.thumb");
        assert_eq!(record.name, "_acme-challenge.a.example");
        assert_eq!(record.text.len(), 43);
        assert_eq!(updates(None).zone(&record), "a.example");
        assert_eq!(updates(Some("example")).zone(&record), "example");
    }

    #[test]
    fn a_message_is_what_the_rfcs_describe() {
        let record = Record { name: "_acme-challenge.a.example".to_owned(), text: "t".to_owned() };
        let message = updates(None).message(&record, CLASS_IN, TTL_S, [1, 2]).unwrap();
        let question = b"\x01\x02\x28\x00\x00\x01\x00\x00\x00\x01\x00\x01\x01a\x07example\x00\x00\x06\x00\x01";
        assert_eq!(&message[..question.len()], question);
        let update = b"\x0f_acme-challenge\x01a\x07example\x00\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x02\x01t";
        let rest = &message[question.len()..];
        assert_eq!(&rest[..update.len()], update);
        let tsig = b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x3d\x0bhmac-sha256\x00";
        assert_eq!(&rest[update.len()..update.len() + tsig.len()], tsig);
        assert!(updates(None).message(&Record { name: "a..b".to_owned(), text: String::new() }, 1, 0, [0; 2]).is_err());
    }
}
