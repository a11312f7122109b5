//! What the service manager is told (`sd_notify(3)`): that the server is ready, stops, and is alive. Without
//! `NOTIFY_SOCKET` in the environment, nothing.

use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::tasks::Tasks;

/// All listeners accept connections.
pub(crate) fn ready() {
    notify("READY=1");
}

/// The server reads its configuration again; [`ready`] ends that. With the time, which systemd 253 compares with that of its
/// request where the unit has `Type=notify-reload`.
pub(crate) fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is negative, and the sum fits for 292,000 years.
    let usec = now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
}

/// The server stops.
pub(crate) fn stopping() {
    notify("STOPPING=1");
}

/// Spawns the task that tells the service manager that the server is alive, if it wants to know: when that ends, it is started again.
/// The task runs between all others, so it shows that they get their turn.
pub(crate) fn watch(tasks: &Tasks) {
    let Some(every) = watchdog(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"), std::process::id()) else { return };
    tasks.handle().spawn(|mut stop| async move {
        loop {
            notify("WATCHDOG=1");
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    });
}

/// How often to tell: twice within the time that the service manager waits. `None` if it does not ask this process.
fn watchdog(usec: Option<String>, pid: Option<String>, own: u32) -> Option<Duration> {
    let usec: u64 = usec?.parse().ok().filter(|usec| *usec > 0)?;
    let for_this = pid.is_none_or(|pid| pid.parse() == Ok(own));
    for_this.then(|| Duration::from_micros(usec / 2))
}

/// Sends a message. Failures are no reason to do anything: the service manager notices what it misses.
fn notify(message: &str) {
    let Some(path) = variable("NOTIFY_SOCKET") else { return };
    let address = match path.strip_prefix('@') {
        Some(name) => abstract_address(name),
        None => SocketAddr::from_pathname(&path),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::debug!(%error, "The service manager was not told.");
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> std::io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &str) -> std::io::Result<SocketAddr> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[expect(clippy::disallowed_methods, reason = "the service manager's own variables, which are no settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_told_twice_as_often_as_it_wants() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(watchdog(some("30000000"), None, 7), Some(Duration::from_secs(15)));
        assert_eq!(watchdog(some("30000000"), some("7"), 7), Some(Duration::from_secs(15)));
        for (usec, pid) in [(None, None), (some("0"), None), (some("x"), None), (some("30000000"), some("8"))] {
            assert_eq!(watchdog(usec, pid, 7), None);
        }
    }
}
