//! A PostgreSQL server for one test run: created, started, and removed at the end.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use postgres::{Client, NoTls};

/// A running server.
pub(super) struct Cluster {
    folder: tempfile::TempDir,
    server: Child,
}

/// The user and group that the server runs as if the tests run as root, because PostgreSQL refuses to.
type Account = Option<(u32, u32)>;

impl Cluster {
    /// Starts a server. Returns `None` and prints the reason if PostgreSQL is not installed.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(!required(), "HEARTH_REQUIRE_POSTGRES=1, and there is no initdb in PATH or /usr/lib/postgresql");
            eprintln!("SKIPPED: no PostgreSQL here (initdb is neither in PATH nor in /usr/lib/postgresql)");
            return None;
        };
        let (folder, account) = (tempfile::tempdir().unwrap(), account());
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = folder.path().join("data");
        let made = command(&programs, "initdb", account)
            .args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let server = command(&programs, "postgres", account)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-D"])
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn();
        let cluster = Self { folder, server: server.unwrap() };
        cluster.client();
        Some(cluster)
    }

    /// Creates an empty database and returns its URL.
    pub(super) fn database(&self, name: &str) -> String {
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
        self.client().batch_execute(&create).unwrap();
        self.url(name)
    }

    fn url(&self, database: &str) -> String {
        format!("host={} user=postgres dbname={database}", self.folder.path().display())
    }

    /// A connection, waiting for the server to be ready.
    fn client(&self) -> Client {
        for _ in 0..200 {
            if let Ok(client) = Client::connect(&self.url("postgres"), NoTls) {
                return client;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not start within ten seconds");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // QUIT ends the server and its processes at once, without a checkpoint; the data is deleted anyway.
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.server),
            rustix::process::Signal::QUIT,
        );
        drop(self.server.wait());
    }
}

/// Whether a missing PostgreSQL fails the tests.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests, and no setting of Hearth")]
fn required() -> bool {
    std::env::var_os("HEARTH_REQUIRE_POSTGRES").is_some_and(|value| value == "1")
}

/// The folder with PostgreSQL's programs: from PATH, or the newest in Debian's folder, which is not in PATH.
#[expect(clippy::disallowed_methods, reason = "PATH and HEARTH_REQUIRE_POSTGRES are not settings of Hearth")]
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn account() -> Account {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let line =
        accounts.lines().find_map(|line| line.strip_prefix("postgres:")).expect("there is an account `postgres`");
    let mut fields = line.split(':').skip(1);
    let mut number = || fields.next().unwrap().parse().unwrap();
    Some((number(), number()))
}

fn command(programs: &Path, name: &str, account: Account) -> Command {
    let mut command = Command::new(programs.join(name));
    // The current folder may not be accessible to the account.
    command.current_dir("/");
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}
