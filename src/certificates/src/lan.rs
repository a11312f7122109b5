//! Certificates that this server makes itself, for a LAN without a domain name.
//!
//! There are two: an authority, which each device is told once to trust, and the certificate that it signs for the server, which
//! is renewed without another word. An authority is limited to the names of this server and to private addresses (RFC 5280
//! section 4.2.1.10), so that its key, when stolen with the machine, is good for no bank.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::Cidr;
use hearth_base::limits::certificates::{LAN_AUTHORITY_MS, LAN_CERTIFICATE_MS};
use hearth_base::{Error, Millis, Result, Seams};
use parking_lot::Mutex;
use rcgen_acme::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::storage::Folder;
use crate::{CertSource, Certificate, Facts, Report};

const AUTHORITY: &str = "lan-authority.pem";
const AUTHORITY_KEY: &str = "lan-authority.key";
const CERTIFICATE: &str = "lan-certificate.pem";
/// Where the name of the host is. A service may be kept from the second.
const HOSTNAMES: [&str; 2] = ["/etc/hostname", "/proc/sys/kernel/hostname"];

/// The certificate of this server in its LAN.
pub struct Lan {
    folder: Folder,
    /// Names that the authority is limited to.
    lasting: Vec<String>,
    /// Those and the addresses of the machine, which a router may change.
    names: Vec<String>,
    seams: Seams,
    current: Mutex<Arc<Certificate>>,
    /// The authority that devices trust.
    authority: Arc<Facts>,
}

impl Lan {
    /// Reads the certificate and its authority from the folder, or makes them. `names` are those of the configuration; those of the
    /// machine are added.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(folder: PathBuf, names: &[String], seams: Seams) -> Result<Self> {
        let (folder, lasting) = (Folder::new(folder), lasting_names(names));
        let authority = Authority::open(&folder, &lasting, &seams)?;
        let names: Vec<String> = lasting.iter().cloned().chain(addresses()).collect();
        let stored = folder.read(CERTIFICATE)?.and_then(|pem| Certificate::from_pem(&pem, &pem).ok());
        let now_ms = seams.clock.now_ms();
        let fits = |old: &Certificate| {
            let facts = &old.facts;
            now_ms < facts.renewal_ms() && facts.missing(&names).is_empty() && facts.issuer == authority.facts.issuer
        };
        let certificate = match stored.filter(fits) {
            Some(stored) => stored,
            None => authority.issue(&folder, &names, now_ms)?,
        };
        let facts = Arc::clone(&authority.facts);
        tracing::info!(
            file = %folder.path(AUTHORITY).display(), fingerprint = facts.fingerprint, names = ?certificate.facts.names,
            "Each device must be told once to trust this server's own certificate authority."
        );
        Ok(Self { folder, lasting, names, seams, current: Mutex::new(Arc::new(certificate)), authority: facts })
    }

    /// The file of the authority that devices are told to trust, and its SHA-256 fingerprint.
    #[must_use]
    pub fn authority(&self) -> (PathBuf, &str) {
        (self.folder.path(AUTHORITY), &self.authority.fingerprint)
    }

    fn make(&self) -> Result<()> {
        let authority = Authority::open(&self.folder, &self.lasting, &self.seams)?;
        let made = authority.issue(&self.folder, &self.names, self.seams.clock.now_ms())?;
        *self.current.lock() = Arc::new(made);
        Ok(())
    }
}

impl CertSource for Lan {
    fn current(&self) -> Option<Arc<Certificate>> {
        let current = Arc::clone(&self.current.lock());
        if self.seams.clock.now_ms() < current.facts.renewal_ms() {
            return Some(current);
        }
        if let Err(error) = self.make() {
            tracing::warn!(%error, "The certificate of the LAN was not renewed; the old one stays.");
        }
        Some(Arc::clone(&self.current.lock()))
    }

    fn report(&self) -> Report {
        let facts = Arc::clone(&self.current.lock().facts);
        let (file, fingerprint) = self.authority();
        Report {
            source: "self-signed",
            place: format!("{}, SHA-256 {fingerprint}", file.display()),
            missing: facts.missing(&self.names),
            renewal_ms: Some(facts.renewal_ms()),
            facts: Some(facts),
            ..Report::default()
        }
    }

    fn renew(&self) -> Result<String> {
        self.make()?;
        Ok("There is a new certificate. Devices that trust this server's authority need nothing.".to_owned())
    }
}

impl std::fmt::Debug for Lan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lan").field(&self.names).finish()
    }
}

/// The authority with its key.
struct Authority {
    /// Its certificate as it was made, for the chain: signing needs one of rcgen's, which is made again from the same key.
    pem: Vec<u8>,
    facts: Arc<Facts>,
    certificate: rcgen_acme::Certificate,
    key: KeyPair,
}

impl Authority {
    /// Reads it, or makes it: also when the names have changed, for it is limited to them.
    fn open(folder: &Folder, names: &[String], seams: &Seams) -> Result<Self> {
        let now_ms = seams.clock.now_ms();
        if let (Some(pem), Some(key)) = (folder.read(AUTHORITY)?, folder.read(AUTHORITY_KEY)?) {
            let stored = Certificate::from_pem(&pem, &key)?;
            let long_enough = stored.facts.not_after_ms > now_ms + LAN_CERTIFICATE_MS;
            let key = KeyPair::from_pem(&String::from_utf8_lossy(&key)).map_err(fault)?;
            let subject = stored.facts.issuer.strip_prefix("CN=").unwrap_or_default().to_owned();
            if long_enough && subject.ends_with(&mark(names)) {
                let certificate = params(&subject, names, &stored.facts)?.self_signed(&key).map_err(fault)?;
                return Ok(Self { pem, facts: stored.facts, certificate, key });
            }
            tracing::warn!("The names of this server have changed: devices must be told to trust its new authority.");
        }
        Self::make(folder, names, seams)
    }

    fn make(folder: &Folder, names: &[String], seams: &Seams) -> Result<Self> {
        let now_ms = seams.clock.now_ms();
        // Two authorities of one server are told apart by their subject.
        let unique = seams.random.capitals(6);
        let first = names.first().map_or("localhost", String::as_str);
        let subject = format!("Hearth of {first}, {unique}{}", mark(names));
        let (not_before_ms, not_after_ms) = (now_ms.saturating_sub(DAY_MS), now_ms + LAN_AUTHORITY_MS);
        let validity = Facts { not_before_ms, not_after_ms, ..Facts::default() };
        let key = KeyPair::generate().map_err(fault)?;
        let certificate = params(&subject, names, &validity)?.self_signed(&key).map_err(fault)?;
        let pem = certificate.pem().into_bytes();
        let key_pem = key.serialize_pem();
        let facts = Certificate::from_pem(&pem, key_pem.as_bytes())?.facts;
        // The key first: an authority without its key would be made anew at each start.
        folder.write(AUTHORITY_KEY, key_pem.as_bytes())?;
        folder.write(AUTHORITY, &pem)?;
        Ok(Self { pem, facts, certificate, key })
    }

    /// A certificate for the server, in the folder.
    fn issue(&self, folder: &Folder, names: &[String], now_ms: Millis) -> Result<Certificate> {
        let mut params = CertificateParams::new(names.to_vec()).map_err(fault)?;
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("hearth", String::as_str));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        // Clocks of devices may be somewhat behind.
        set_validity(&mut params, now_ms.saturating_sub(DAY_MS), now_ms + LAN_CERTIFICATE_MS);
        let key = KeyPair::generate().map_err(fault)?;
        let leaf = params.signed_by(&key, &self.certificate, &self.key).map_err(fault)?;
        let authority = CertificateDer::from_pem_slice(&self.pem)
            .map_err(|error| Error::fault("reading this server's certificate authority", error))?;
        let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let made = Certificate::new(vec![leaf.der().clone(), authority], secret)?;
        let pem = format!("{}{}{}", key.serialize_pem(), leaf.pem(), String::from_utf8_lossy(&self.pem));
        folder.write(CERTIFICATE, pem.as_bytes())?;
        Ok(made)
    }
}

const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// Stands at the end of an authority's subject, and tells the names that it is limited to.
fn mark(names: &[String]) -> String {
    let hash = Sha256::digest(names.join(" "));
    hash[..4].iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The authority's certificate: the same for the same arguments, but for the signature.
fn params(subject: &str, names: &[String], validity: &Facts) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen_acme::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    set_validity(&mut params, validity.not_before_ms, validity.not_after_ms);
    let domains = names.iter().filter(|name| name.parse::<IpAddr>().is_err());
    let addresses = names.iter().filter_map(|name| name.parse::<IpAddr>().ok()).map(|ip| match ip {
        IpAddr::V4(_) => CidrSubnet::from_addr_prefix(ip, 32),
        IpAddr::V6(_) => CidrSubnet::from_addr_prefix(ip, 128),
    });
    let private = private_ranges().map(|(ip, bits)| CidrSubnet::from_addr_prefix(ip, bits));
    let permitted = domains.map(|name| GeneralSubtree::DnsName(name.clone()));
    let permitted = permitted.chain(addresses.chain(private).map(GeneralSubtree::IpAddress)).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    Ok(params)
}

/// The addresses of LANs, of this machine, and of private networks over the internet.
fn private_ranges() -> impl Iterator<Item = (IpAddr, u8)> {
    let v4 = [([10, 0, 0, 0], 8), ([127, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];
    let more = [([169, 254, 0, 0], 16), ([100, 64, 0, 0], 10)];
    let v6 = [(Ipv6Addr::LOCALHOST, 128), (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)];
    let link = [(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10)];
    let v4 = v4.into_iter().chain(more).map(|(ip, bits)| (IpAddr::from(ip), bits));
    v4.chain(v6.into_iter().chain(link).map(|(ip, bits)| (IpAddr::from(ip), bits)))
}

/// Whether the authority may sign a certificate for this address without having been made for it.
fn is_private(ip: IpAddr) -> bool {
    private_ranges()
        .any(|(range, bits)| format!("{range}/{bits}").parse::<Cidr>().is_ok_and(|range| range.contains(ip)))
}

fn set_validity(params: &mut CertificateParams, from_ms: Millis, to_ms: Millis) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_millis(from_ms);
    params.not_after = epoch + Duration::from_millis(to_ms);
}

fn fault(error: rcgen_acme::Error) -> Error {
    Error::fault("making a certificate", error)
}

/// The names of the configuration, and those of the machine in its LAN.
fn lasting_names(configured: &[String]) -> Vec<String> {
    let host = HOSTNAMES.iter().find_map(|file| std::fs::read_to_string(file).ok());
    let host = host.unwrap_or_default().trim().to_ascii_lowercase();
    let valid = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let hosts = valid.then(|| [format!("{host}.local"), host]).into_iter().flatten();
    let mut names: Vec<String> = Vec::new();
    for name in configured.iter().cloned().chain(["localhost".to_owned()]).chain(hosts) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Addresses of this machine in its LAN. No packet is sent: to connect a UDP socket only chooses a route.
fn addresses() -> impl Iterator<Item = String> {
    let routes: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let outward = routes.into_iter().filter_map(|(from, to)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    });
    let private = outward.filter(|ip| is_private(*ip) && !ip.is_loopback());
    let own = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    own.into_iter().chain(private).map(|ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use hearth_base::clock::ManualClock;
    use hearth_base::random::SeededRandom;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls_pki_types::{ServerName, UnixTime};

    use super::*;

    const NOW: Millis = 1_800_000_000_000;

    fn seams(now_ms: Millis) -> Seams {
        Seams { clock: Arc::new(ManualClock::at(now_ms)), random: Arc::new(SeededRandom::new(now_ms)) }
    }

    fn lan(folder: &tempfile::TempDir, names: &[&str], now_ms: Millis) -> Lan {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Lan::open(folder.path().join("c"), &names, seams(now_ms)).unwrap()
    }

    /// What a device makes of the certificate that trusts the authority.
    fn verify(lan: &Lan, name: &str, now_ms: Millis) -> std::result::Result<(), rustls::Error> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(lan.authority().0).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let chain = lan.current().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
        verifier.verify_server_cert(&chain.key.cert[0], &chain.key.cert[1..], &name, &[], now).map(|_| ())
    }

    #[test]
    fn a_device_that_trusts_the_authority_trusts_all_later_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let first = lan(&folder, &["pi.home", "192.168.1.5"], NOW);
        for name in ["pi.home", "192.168.1.5", "localhost", "127.0.0.1"] {
            verify(&first, name, NOW).unwrap();
        }
        assert!(verify(&first, "bank.example", NOW).is_err());
        let print = |lan: &Lan| (lan.authority().1.to_owned(), lan.current().unwrap().facts.fingerprint.clone());
        assert_eq!(print(&lan(&folder, &["pi.home", "192.168.1.5"], NOW)), print(&first));
        let later = NOW + LAN_CERTIFICATE_MS * 3 / 4;
        let renewed = lan(&folder, &["pi.home", "192.168.1.5"], later);
        assert_eq!(renewed.authority().1, first.authority().1);
        assert_ne!(print(&renewed), print(&first));
        verify(&renewed, "pi.home", later).unwrap();
        // Another name is another authority.
        let other = lan(&folder, &["other.home"], later);
        assert_ne!(other.authority().1, first.authority().1);
        verify(&other, "other.home", later).unwrap();
    }

    #[test]
    fn a_stolen_authority_is_good_for_no_other_name() {
        let folder = tempfile::tempdir().unwrap();
        let own = lan(&folder, &["pi.home"], NOW);
        let lasting = lasting_names(&["pi.home".to_owned()]);
        let authority = Authority::open(&own.folder, &lasting, &seams(NOW)).unwrap();
        let forged = authority.issue(&own.folder, &["bank.example".to_owned()], NOW).unwrap();
        *own.current.lock() = Arc::new(forged);
        let error = verify(&own, "bank.example", NOW).unwrap_err().to_string();
        assert!(error.contains("NameConstraint"), "{error}");
    }
}
