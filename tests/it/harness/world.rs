//! A world: one server in this process, with its own port and data folder.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth::Running;
use hearth_admin::client::Client as Operator;
use hearth_admin::wire::{Job, JobList, JobState, paths};
use hearth_base::Seams;
use hearth_base::config::{Address, Config, Passwords, RegistrationMode, Resource};
use hearth_base::random::SeededRandom;
use hearth_store::{OperationKind, Options, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Client, Person, ServerLink, Steps, TestClock};

/// How long a server may take to stop. A task that still runs then is a leftover.
const GRACE: Duration = Duration::from_secs(10);

/// One server and its test state. End it with [`World::ends`], which checks for leftovers.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    config: Config,
    /// Removed when the world is dropped.
    _folder: TempDir,
    running: Option<Running>,
    client: Client,
    starts: u64,
    /// The connection to other servers, in a cluster.
    link: Option<Arc<ServerLink>>,
    /// The runtime of a server that can be killed, and its step counter.
    mortal: Option<(Option<Runtime>, Arc<Steps>)>,
}

impl World {
    /// A server with open registration and without rate limits.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Like [`Self::new`], with a changed configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::at(None, Arc::new(TestClock::new()), change).await
    }

    /// A server in a cluster, with the cluster's clock.
    pub(super) async fn at(
        link: Option<Arc<ServerLink>>,
        clock: Arc<TestClock>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = usual(&folder);
        // A single server must not contact hosts outside of this process.
        config.federation.enabled = link.is_some();
        change(&mut config);
        config.validate().expect("the test's configuration is a good one");
        let client = Client::new("");
        let mut world = Self { clock, config, _folder: folder, running: None, client, starts: 0, link, mortal: None };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        // A new seed for each start, since a real generator does not repeat its values either.
        self.starts += 1;
        let seed = seed_of_this_test().wrapping_add(self.starts);
        let seams = Seams { clock: self.clock.clone(), random: Arc::new(SeededRandom::new(seed)) };
        let (config, link) = (self.config.clone(), self.link.clone());
        if let Some(link) = &link {
            link.starts();
        }
        let running = match (&link, &mut self.mortal) {
            (Some(link), Some((runtime, steps))) => {
                let here = runtime.insert(Runtime::new().expect("a runtime"));
                let running = start_on(here, config, seams, link.clone()).await;
                let steps = steps.clone();
                running.domain.core.store.before_writes(move |name| {
                    let steps = steps.clone();
                    Box::pin(async move { steps.step(name).await })
                });
                Ok(running)
            }
            (Some(link), None) => hearth::start_with_network(config, seams, link.clone()).await,
            (None, _) => hearth::start(config, seams).await,
        };
        let running = running.expect("the server starts");
        if let Some(link) = link {
            link.attach(&running);
        }
        let address = running.listeners[0].address.clone();
        // The same port after a restart, so that clients find the server again.
        self.config.listeners[0].address = address.clone();
        let Address::Tcp(address) = address else { unreachable!("the first listener has a port") };
        self.client = Client::new(format!("http://{address}"));
        self.running = Some(running);
    }

    /// Restarts the server on a runtime of its own, so that it can be killed and stopped between two steps.
    pub(crate) async fn counts_steps(&mut self) {
        self.stop().await;
        self.counts_anew();
        self.start().await;
    }

    fn counts_anew(&mut self) {
        let steps = Arc::<Steps>::default();
        self.link.as_ref().expect("a server among others").count_steps(steps.clone());
        self.mortal = Some((None, steps));
    }

    /// The step counter.
    pub(crate) fn steps(&self) -> Arc<Steps> {
        self.mortal.as_ref().expect("a server whose steps are counted").1.clone()
    }

    /// Kills the server without any clean-up, then starts it again with the same data.
    pub(crate) async fn is_killed_and_starts_again(&mut self) {
        let (runtime, steps) = self.mortal.as_mut().expect("a server that can be killed");
        steps.die();
        if let Some(link) = &self.link {
            link.detach();
        }
        drop(self.running.take());
        runtime.take().expect("it runs").shutdown_background();
        // Tasks of the killed server may survive; their step counter stays blocked, so they cannot continue.
        self.counts_anew();
        self.start().await;
    }

    /// Stops the server and starts it again with the same data.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// Stops the server. Fails if a request failed by the server's fault, a task or a job is still running, or the
    /// database is not closed and intact.
    async fn stop(&mut self) {
        self.nothing_has_failed().await;
        let running = self.running.take().expect("the server runs");
        if let Some(link) = &self.link {
            link.detach();
        }
        let began = Instant::now();
        running.stop(GRACE).await;
        assert!(began.elapsed() < GRACE, "something was still running when the server had to stop");
        if let Some((runtime, _)) = &mut self.mortal {
            runtime.take().expect("it runs").shutdown_background();
        }
        self.check_database();
    }

    fn check_database(&self) {
        let path = self.config.database_path();
        let log = path.with_extension("db-wal");
        let log_bytes = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        assert_eq!(log_bytes, 0, "the database was not closed cleanly: its log is still there");
        let options = Options { ballast: None, ..Options::sqlite(&path) };
        // A program that another test starts holds all locks of this process until it has replaced its copy of it.
        let mut opened = Store::open(options.clone(), Seams::system());
        for _ in 0..100 {
            if opened.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            opened = Store::open(options.clone(), Seams::system());
        }
        let store = opened.expect("the database opens again");
        assert_eq!(store.check_blocking().expect("it can be checked"), Vec::<String>::new());
        store.close();
    }

    /// Stops the server, and checks for leftovers.
    pub(crate) async fn ends(mut self) {
        self.stop().await;
    }

    /// Asserts that no response so far had status 500, which is also the result of a panic, and that no job is running.
    pub(crate) async fn nothing_has_failed(&self) {
        // A response is counted when it is sent, so this request makes the previous one visible.
        self.client.get("/health").await.status_is(200);
        let metrics = self.client.get("/metrics").await;
        let text = String::from_utf8_lossy(&metrics.bytes).into_owned();
        let failed: Vec<_> = text.lines().filter(|line| line.contains("status=\"500\"")).collect();
        assert!(text.contains("hearth_http_requests_total{"), "no counters: this check would see nothing");
        assert!(failed.is_empty(), "requests failed:\n{}", failed.join("\n"));
        let jobs: JobList = self.operator().get(paths::JOBS).await.expect("the admin socket answers");
        let unfinished = |job: &Job| matches!(job.state, JobState::Queued | JobState::Running);
        assert!(!jobs.items.iter().any(unfinished), "long work is under way: {:?}", jobs.items);
    }

    /// How often each named read of the database has run.
    pub(crate) fn reads(&self) -> HashMap<&'static str, u64> {
        let operations = self.running.as_ref().expect("the server runs").domain.core.store.operations();
        let reads = operations.into_iter().filter(|operation| operation.kind == OperationKind::Read);
        reads.map(|operation| (operation.name, operation.count)).collect()
    }

    /// A client of the admin socket.
    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.config.admin_socket())
    }

    /// Registers a new user.
    pub(crate) async fn register(&self, name: &str) -> Person {
        Person::registers(&self.client, name).await
    }

    /// A client without an account.
    pub(crate) fn anyone(&self) -> &Client {
        &self.client
    }

    /// The running server, for facts that no API exposes.
    pub(crate) fn server(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    /// The server's configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A tokio runtime must not be dropped in the async context of another.
        if let Some(runtime) = self.mortal.as_mut().and_then(|(runtime, _)| runtime.take()) {
            runtime.shutdown_background();
        }
        let forgotten = self.running.is_some() && !std::thread::panicking();
        assert!(!forgotten, "the test forgot `world.ends().await`, which looks for leftovers");
    }
}

/// Starts a server on its own runtime. Retries, since a server that was just killed may still hold the database lock.
async fn start_on(runtime: &Runtime, config: Config, seams: Seams, link: Arc<ServerLink>) -> Running {
    for _ in 0..200 {
        let starting = hearth::start_with_network(config.clone(), seams.clone(), link.clone());
        match runtime.spawn(starting).await.expect("the start does not panic") {
            Ok(running) => return running,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    unreachable!("the server does not start after it was killed")
}

/// The default configuration of tests: cheap password hashes, no rate limits, no disk reserve, a free port.
fn usual(folder: &TempDir) -> Config {
    let mut config = Config::default();
    config.server.data_dir = folder.path().join("data");
    config.listeners[0].address = Address::Tcp(([127, 0, 0, 1], 0).into());
    config.listeners[0].resources.push(Resource::Metrics);
    config.registration.mode = RegistrationMode::Open;
    config.passwords = Passwords::cheap();
    config.rate_limits.enabled = false;
    config.database.ballast_mib = 0;
    config.database.readers = 2;
    config.database.cache_mib = 4;
    config
}

/// Fixed for each test, and different between tests.
fn seed_of_this_test() -> u64 {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
