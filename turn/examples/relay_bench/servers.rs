//! The two servers, each in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hearth_turn::credentials::Authority;
use hearth_turn::limits::GATHER_US;
use hearth_turn::{Quotas, Settings, start};

pub(crate) const SECRET: &str = "north";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    /// This relay, without coalescing.
    Prompt,
    Coturn,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "hearth",
            Self::Prompt => "prompt",
            Self::Coturn => "coturn",
        }
    }
}

struct Open;

impl Authority for Open {
    fn now_unix_s(&self) -> u64 {
        0
    }

    fn secrets(&self) -> Vec<Arc<[u8]>> {
        vec![Arc::from(SECRET.as_bytes())]
    }

    fn is_revoked(&self, _user: &str) -> bool {
        false
    }
}

/// Runs this relay until standard input ends.
pub(crate) fn serve(threads: usize, port: u16, gather_us: u64) {
    let mut settings = Settings::new();
    settings.udp = vec![SocketAddr::from(([127, 0, 0, 1], port))];
    settings.threads = threads;
    settings.public.v4 = Some([127, 0, 0, 1].into());
    settings.peers.allow = vec!["127.0.0.0/8".parse().unwrap()];
    settings.quotas =
        Quotas { bytes_per_s_per_user: 0, allocations_per_user: 100_000, allocations: 100_000, ..Quotas::default() };
    settings.gather_us = gather_us;
    let entropy = |bytes: &mut [u8]| {
        use std::hash::{BuildHasher, RandomState};
        bytes.iter_mut().for_each(|byte| *byte = RandomState::new().hash_one(0u8) as u8);
    };
    let running = start(settings, Arc::new(Open), Arc::new(entropy)).unwrap();
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
    running.stop();
}

pub(crate) struct Server {
    child: Child,
    pub(crate) at: SocketAddr,
}

impl Server {
    /// Starts a server. `None` if it is not installed.
    pub(crate) fn start(kind: Kind, threads: usize) -> Option<Self> {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        let mut child = match kind {
            Kind::Ours | Kind::Prompt => {
                let gather_us = if kind == Kind::Ours { GATHER_US } else { 0 };
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["serve", &threads.to_string(), &port.to_string(), &gather_us.to_string()]);
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
            }
            Kind::Coturn => coturn(port, threads)?,
        };
        if kind != Kind::Coturn {
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        }
        std::thread::sleep(Duration::from_millis(500));
        Some(Self { child, at })
    }

    /// Starts a build of this program: on the first core, or with two threads on both. Only the clients have a
    /// higher priority.
    pub(crate) fn of_build(program: &str, threads: usize) -> Self {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("taskset");
        let cores = if threads == 1 { "0" } else { "0,1" };
        command.args(["-c", cores, "chrt", "-f", "5", program, "serve", &threads.to_string(), &port.to_string()]);
        command.arg(GATHER_US.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        Self { child, at: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// CPU time of all its threads, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks
            .flatten()
            .filter_map(|task| {
                let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
                text.split_whitespace().next()?.parse::<u64>().ok()
            })
            .sum()
    }
}

fn coturn(port: u16, threads: usize) -> Option<Child> {
    let (port, threads, secret) = (port.to_string(), threads.to_string(), format!("--static-auth-secret={SECRET}"));
    let mut command = Command::new("turnserver");
    command.args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--log-file", "/dev/null"]);
    command.args(["-L", "127.0.0.1", "-E", "127.0.0.1", "-p", &port, "-m", &threads, "-r", "hearth"]);
    command.args(["--use-auth-secret", &secret, "--no-stdout-log"]);
    let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if spawned.is_err() {
        println!("coturn is not installed: nothing to compare with");
    }
    spawned.ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
