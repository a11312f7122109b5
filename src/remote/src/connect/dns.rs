//! DNS resolution in this process, with the system's DNS servers, because the system's resolver API has no SRV records.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) use hearth_base::limits::remote::DNS_RECORDS_MAX;
use hearth_base::limits::remote::{DNS_ANSWERS_MAX, DNS_LOOKUPS_MAX, DNS_TTL_MAX, NEGATIVE_TTL_MAX};
use hearth_domain::ports::Eventually;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// The system's list of DNS servers.
const SETTINGS: &str = "/etc/resolv.conf";
/// Timeout of one query to a DNS server, and each query is sent at most twice.
const WAIT: Duration = Duration::from_secs(3);

/// An SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    /// Without the trailing dot; empty for the target ".", which means that the service does not exist.
    pub(crate) target: String,
    pub(crate) port: u16,
}

/// Why a look-up returned no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The name, or this record type of it, does not exist.
    None,
    /// The DNS server could not be reached, or did not answer.
    Failed(String),
}

/// Resolves names. Tests replace the system's resolver.
pub(crate) trait Dns: Send + Sync + fmt::Debug {
    /// The A and AAAA records of a name; at least one.
    fn addresses(&self, name: &str) -> Eventually<Result<Vec<IpAddr>, Miss>>;

    /// The SRV records of a name; at least one.
    fn services(&self, name: &str) -> Eventually<Result<Vec<Service>, Miss>>;
}

/// The system's DNS servers and its hosts file.
#[derive(Clone)]
pub(crate) struct SystemDns {
    made: Arc<Mutex<Option<Made>>>,
    turns: Arc<Semaphore>,
}

/// A resolver, and the modification time of the settings that it was built from: they change when the machine joins
/// another network.
struct Made {
    settings: Option<SystemTime>,
    resolver: TokioResolver,
}

impl Default for SystemDns {
    fn default() -> Self {
        Self { made: Arc::default(), turns: Arc::new(Semaphore::new(DNS_LOOKUPS_MAX)) }
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
        // The same default as the system's resolver without settings.
        tracing::warn!(%error, "{SETTINGS} names no DNS server; this machine is asked itself.");
        let here = NameServerConfig::udp_and_tcp(std::net::Ipv4Addr::LOCALHOST.into());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![here]);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    });
    let options = builder.options_mut();
    options.cache_size = DNS_ANSWERS_MAX;
    options.positive_max_ttl = Some(DNS_TTL_MAX);
    options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    options.timeout = WAIT;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

/// An absolute name, to which no search domain is appended: names chosen by others must not resolve inside the
/// household's own domain.
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
            let addresses: Vec<_> = found.iter().take(DNS_RECORDS_MAX).collect();
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
            let services: Vec<_> = services.take(DNS_RECORDS_MAX).collect();
            if services.is_empty() { Err(Miss::None) } else { Ok(services) }
        })
    }
}

/// The system's own resolver with its search domains, for names that the operator configures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemResolver;

impl Dns for SystemResolver {
    fn addresses(&self, name: &str) -> Eventually<Result<Vec<IpAddr>, Miss>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| Miss::Failed(error.to_string()))?;
            let addresses: Vec<_> = found.map(|address| address.ip()).take(DNS_RECORDS_MAX).collect();
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
