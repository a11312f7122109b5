//! Looking names up: the system's DNS servers, asked by this process itself, because the system's own look-up knows no
//! SRV.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hearth_domain::ports::Eventually;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Where the system says which DNS servers to ask.
const SETTINGS: &str = "/etc/resolv.conf";
/// Answers that are remembered, for as long as they allow.
const ANSWERS_MAX: u64 = 2_048;
/// The longest that an answer is remembered, whatever it allows, and one that there is no such name.
const TTL_MAX: Duration = Duration::from_secs(60 * 60);
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a DNS server may take, which is asked twice.
const WAIT: Duration = Duration::from_secs(3);
/// Names looked up at the same time.
const LOOKUPS_MAX: usize = 24;
/// Addresses and services of one name that are looked at.
pub(crate) const RECORDS_MAX: usize = 16;

/// What an SRV record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    /// Without the dot at its end; empty for "there is none".
    pub(crate) target: String,
    pub(crate) port: u16,
}

/// Why a look-up gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    /// There is no such name, or no such record of it.
    None,
    /// The DNS could not be asked, or did not answer.
    Failed(String),
}

/// Looks names up. Tests put another in place of the system's.
pub(crate) trait Dns: Send + Sync + fmt::Debug {
    /// The addresses of a name (A and AAAA), at least one.
    fn addresses(&self, name: &str) -> Eventually<Result<Vec<IpAddr>, Miss>>;

    /// The services of a name (SRV), at least one.
    fn services(&self, name: &str) -> Eventually<Result<Vec<Service>, Miss>>;
}

/// The DNS servers that the system uses. The system's file of hosts counts, too.
#[derive(Clone)]
pub(crate) struct SystemDns {
    made: Arc<Mutex<Option<Made>>>,
    turns: Arc<Semaphore>,
}

/// A resolver, and the age of the settings that it was made from: they change when the machine comes into another
/// network.
struct Made {
    settings: Option<SystemTime>,
    resolver: TokioResolver,
}

impl Default for SystemDns {
    fn default() -> Self {
        Self { made: Arc::default(), turns: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl fmt::Debug for SystemDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemDns")
    }
}

impl SystemDns {
    fn resolver(&self) -> Result<TokioResolver, Miss> {
        let settings = std::fs::metadata(SETTINGS).and_then(|file| file.modified()).ok();
        let mut made = self.made.lock();
        if let Some(made) = &*made
            && made.settings == settings
        {
            return Ok(made.resolver.clone());
        }
        let resolver = make().map_err(|error| Miss::Failed(format!("the DNS cannot be used: {error}")))?;
        *made = Some(Made { settings, resolver: resolver.clone() });
        Ok(resolver)
    }
}

fn make() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        // As the system itself does without settings.
        tracing::warn!(%error, "{SETTINGS} names no DNS server; this machine is asked itself.");
        let here = NameServerConfig::udp_and_tcp(std::net::Ipv4Addr::LOCALHOST.into());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![here]);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    });
    let options = builder.options_mut();
    options.cache_size = ANSWERS_MAX;
    options.positive_max_ttl = Some(TTL_MAX);
    options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    options.timeout = WAIT;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

/// A name as it stands, below no other: a stranger's name must not be looked for in the household's own domain.
fn absolute(name: &str) -> Result<Name, Miss> {
    let mut name = Name::from_ascii(name).map_err(|_| Miss::None)?;
    name.set_fqdn(true);
    Ok(name)
}

fn missed(error: &NetError) -> Miss {
    if error.is_no_records_found() { Miss::None } else { Miss::Failed(format!("the DNS did not answer: {error}")) }
}

impl Dns for SystemDns {
    fn addresses(&self, name: &str) -> Eventually<Result<Vec<IpAddr>, Miss>> {
        let (dns, name) = (self.clone(), absolute(name));
        Box::pin(async move {
            let _turn = dns.turns.acquire().await;
            let found = dns.resolver()?.lookup_ip(name?).await.map_err(|error| missed(&error))?;
            let addresses: Vec<_> = found.iter().take(RECORDS_MAX).collect();
            if addresses.is_empty() { Err(Miss::None) } else { Ok(addresses) }
        })
    }

    fn services(&self, name: &str) -> Eventually<Result<Vec<Service>, Miss>> {
        let (dns, name) = (self.clone(), absolute(name));
        Box::pin(async move {
            let _turn = dns.turns.acquire().await;
            let found = dns.resolver()?.lookup(name?, RecordType::SRV).await.map_err(|error| missed(&error))?;
            let services = found.answers().iter().filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(Service {
                    priority: srv.priority,
                    weight: srv.weight,
                    target: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                    port: srv.port,
                }),
                _ => None,
            });
            let services: Vec<_> = services.take(RECORDS_MAX).collect();
            if services.is_empty() { Err(Miss::None) } else { Ok(services) }
        })
    }
}

/// The system's own resolver, search domains and all: for names that the operator has written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemResolver;

impl Dns for SystemResolver {
    fn addresses(&self, name: &str) -> Eventually<Result<Vec<IpAddr>, Miss>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| Miss::Failed(error.to_string()))?;
            let addresses: Vec<_> = found.map(|address| address.ip()).take(RECORDS_MAX).collect();
            if addresses.is_empty() { Err(Miss::None) } else { Ok(addresses) }
        })
    }

    fn services(&self, _: &str) -> Eventually<Result<Vec<Service>, Miss>> {
        Box::pin(std::future::ready(Err(Miss::None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_is_found_without_a_dns_server() {
        let found = SystemDns::default().addresses("localhost").await.expect("every system knows it");
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
    }

    #[test]
    fn names_stand_for_themselves() {
        assert!(absolute("a.example").expect("a name").is_fqdn());
        let label = "a".repeat(64);
        for name in ["a..example", &label] {
            assert!(absolute(name).is_err(), "{name}");
        }
    }
}
