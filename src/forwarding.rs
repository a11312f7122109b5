//! Keeps the router forwarding this server's ports (`server.forward_ports`): asks at the start, and again long before a mapping
//! ends, so that it survives a restart of the router. A router that does not answer changes nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::config::Config;
use hearth_base::limits::setup::{FORWARD_EVERY, FORWARD_LIFETIME};
use hearth_setup::{Router, Transport, forwarded_ports};

use crate::tasks::Tasks;

/// Spawns the task, if the settings ask for it.
pub(crate) fn spawn(tasks: &Tasks, config: &Config) {
    if !config.server.forward_ports {
        return;
    }
    let ports = forwarded_ports(config);
    tasks.handle().spawn(|mut stop| async move {
        let (mut told, ending) = (None, Arc::new(AtomicBool::new(false)));
        loop {
            let (wanted, end) = (ports.clone(), Arc::clone(&ending));
            // The router is asked with blocking sockets, and each port may take seconds.
            let asked = tokio::task::spawn_blocking(move || forward(&wanted, &end));
            tokio::select! {
                // The process waits for the thread, which then asks for no further port.
                () = stop.stopped() => return ending.store(true, Ordering::Relaxed),
                state = asked => tell(&mut told, state.unwrap_or_else(|error| State::Failed(error.to_string()))),
            }
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(FORWARD_EVERY) => {}
            }
        }
    });
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// How many ports are forwarded, from which address, by which protocol, and what was refused: each reason once, with the
    /// number of ports.
    Asked {
        external: String,
        protocol: &'static str,
        ports: usize,
        refused: BTreeMap<String, usize>,
    },
    NoRouter,
    Failed(String),
}

fn forward(ports: &[(u16, Transport)], end: &AtomicBool) -> State {
    let Some(router) = Router::find() else { return State::NoRouter };
    let mut refused = BTreeMap::<String, usize>::new();
    let mut forwarded = 0;
    for (port, transport) in ports {
        match router.map(*port, *transport, FORWARD_LIFETIME) {
            Ok(()) => forwarded += 1,
            Err(error) => *refused.entry(error.0).or_default() += 1,
        }
        // A router that has stopped answering would cost seconds for each port.
        if end.load(Ordering::Relaxed) || (forwarded == 0 && refused.values().sum::<usize>() >= SILENT_PORTS) {
            break;
        }
    }
    State::Asked { external: router.external.to_string(), protocol: router.protocol(), ports: forwarded, refused }
}

/// Refusals before the first success after which the rest is not asked for.
const SILENT_PORTS: usize = 3;

/// Logs a state once, until it changes.
fn tell(told: &mut Option<State>, state: State) {
    if told.as_ref() == Some(&state) {
        return;
    }
    match &state {
        State::Asked { external, protocol, ports, refused } => {
            tracing::info!(
                router.address = external,
                router.protocol = protocol,
                ports,
                "The router forwards ports to this server."
            );
            for (reason, count) in refused {
                tracing::warn!(count, "{reason}");
            }
        }
        State::NoRouter => tracing::warn!(
            "No router answers PCP, NAT-PMP or UPnP, so no port is forwarded. Forward them in the router's own settings, and set \
             `server.forward_ports` to false."
        ),
        State::Failed(error) => tracing::warn!(error, "Asking the router for ports failed."),
    }
    *told = Some(state);
}
