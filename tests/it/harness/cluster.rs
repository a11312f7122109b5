//! Several servers in one process that federate with each other.

use std::sync::Arc;

use hearth_base::config::Config;

use super::{SimulatedNetwork, TestClock, World};

/// Servers and the simulated network between them.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The network between the servers.
    pub(crate) network: Arc<SimulatedNetwork>,
    /// The servers, in the order of their names.
    pub(crate) worlds: Vec<World>,
}

impl Cluster {
    /// Starts servers with these names and a common clock.
    pub(crate) async fn of<const N: usize>(names: [&str; N]) -> Self {
        Self::with(names, 1, |_| {}).await
    }

    /// Like [`Self::of`], with a changed configuration and a seed for the network's faults.
    pub(crate) async fn with<const N: usize>(names: [&str; N], seed: u64, change: impl Fn(&mut Config)) -> Self {
        let network = SimulatedNetwork::new(seed);
        let clock = Arc::new(TestClock::new());
        let mut worlds = Vec::with_capacity(N);
        for name in names {
            let set_up = |config: &mut Config| {
                config.server.name = name.to_owned();
                change(config);
            };
            worlds.push(World::at(Some(network.link(name)), clock.clone(), set_up).await);
        }
        Self { network, worlds }
    }

    /// Stops all servers, and checks for leftovers.
    pub(crate) async fn ends(self) {
        self.network.heal();
        for world in self.worlds {
            world.ends().await;
        }
    }
}
