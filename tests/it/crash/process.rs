//! The server binary as a child process.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hearth_base::Seams;
use hearth_store::{Options, Store};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::Client;

/// Timeout for a start.
const PATIENCE: Duration = Duration::from_secs(30);
/// A part of what the server prints on its first start.
const FIRST_START: &str = "with this token";

/// One data folder, and the server process on it if it runs.
pub(super) struct Process {
    folder: TempDir,
    client: Client,
    child: Option<Child>,
}

impl Process {
    /// Creates a data folder with a configuration, without starting the server.
    pub(super) fn new() -> Self {
        Self::with("")
    }

    /// Like [`Self::new`], with more settings.
    pub(super) fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // A port that is free now; the server uses it again after each kill.
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = free.local_addr().expect("an address").port();
        let data = folder.path().join("data");
        let config = format!(
            "[server]\ndata_dir = {data:?}\n[[listeners]]\naddress = \"127.0.0.1:{port}\"\n[registration]\nmode = \"open\"\n\
             [passwords]\nmemory_kib = 8\niterations = 1\n[rate_limits]\nenabled = false\n[database]\nballast_mib = 0\n\
             [log]\nlevel = \"error\"\n{more}"
        );
        std::fs::write(folder.path().join("hearth.toml"), config).expect("a file");
        Self { folder, client: Client::new(format!("http://127.0.0.1:{port}")), child: None }
    }

    /// A client without an account.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Spawns the server process.
    pub(super) fn spawn(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_hearth"))
            .arg("serve")
            .arg("--config")
            .arg(self.folder.path().join("hearth.toml"))
            .env_clear()
            .stdout(Stdio::null())
            .stderr(self.log())
            .spawn();
        self.child = Some(child.expect("the binary runs"));
    }

    /// The log file that all runs append to.
    fn log(&self) -> File {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        log.expect("a file can be made")
    }

    /// Asserts that no run logged an error or a panic.
    pub(super) fn nothing_was_logged(&self) {
        let log = self.logged();
        let bad: Vec<_> = log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked")).collect();
        assert!(bad.is_empty(), "{}", bad.join("\n"));
        assert!(log.contains(FIRST_START), "the log is empty, even of what the first start says");
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("the log is text")
    }

    /// Starts the server for the first time, and waits until it has said so: it answers before that, and with the first account
    /// there would be nothing to say.
    pub(super) async fn first_start(&mut self) {
        self.start().await;
        let began = Instant::now();
        while !self.logged().contains(FIRST_START) {
            assert!(began.elapsed() < PATIENCE, "the server does not say how the first account is made");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Starts the server; returns the time until it answered.
    pub(super) async fn start(&mut self) -> Duration {
        let began = Instant::now();
        self.spawn();
        loop {
            let answer = self.client.get("/health").attempt().await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return began.elapsed();
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert_eq!(ended, None, "the server did not start again");
            assert!(began.elapsed() < PATIENCE, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Sends SIGKILL.
    pub(super) fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        assert_eq!(child.try_wait().expect("its state is known"), None, "the server ended by itself");
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
    }

    /// Sends SIGTERM; the process must exit successfully and soon.
    pub(super) async fn stops_well(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("it can be told");
        let waiting = tokio::task::spawn_blocking(move || child.wait());
        let ended = tokio::time::timeout(PATIENCE, waiting).await.expect("it ends");
        assert!(ended.expect("the thread ends").expect("its state is known").success(), "the server did not end well");
    }

    /// The integrity check of the closed database passes.
    pub(super) fn check_database(&self) {
        let path = self.folder.path().join("data/hearth.db");
        let store = Store::open(Options { ballast: None, ..Options::sqlite(path) }, Seams::system());
        let store = store.expect("the database opens");
        assert_eq!(store.check_blocking().expect("it can be checked"), Vec::<String>::new());
        store.close();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // A failed test must not leave a server process behind.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
