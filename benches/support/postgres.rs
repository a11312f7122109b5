//! A PostgreSQL server for one benchmark: created and started with syncing to disk, and removed at the end.

use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running server.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    server: Child,
}

impl Cluster {
    /// Starts a server; `None` where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let programs = programs()?;
        let (folder, account) = (tempfile::tempdir().expect("a temporary folder"), account()?);
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
        }
        let command = |name: &str| {
            let mut command = Command::new(programs.join(name));
            // The working directory must be one that the other account may enter.
            command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
            if let Some((user, group)) = account {
                command.uid(user).gid(group);
            }
            command.arg("-D").arg(folder.path().join("data"));
            command
        };
        let made =
            command("initdb").args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]).status();
        assert!(made.expect("initdb runs").success(), "initdb failed");
        let server = command("postgres").args(["-c", "listen_addresses=", "-k"]).arg(folder.path()).spawn();
        let cluster = Self { server: server.expect("postgres runs"), folder };
        cluster.wait(&cluster.folder.path().join(".s.PGSQL.5432"));
        Some(cluster)
    }

    /// The URL of its only database.
    pub(crate) fn url(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.folder.path().display())
    }

    fn wait(&self, socket: &Path) {
        let ready = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            UnixStream::connect(socket).is_ok()
        });
        assert!(ready, "PostgreSQL did not start within ten seconds");
        // The socket exists a moment before the server answers.
        std::thread::sleep(Duration::from_millis(500));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Immediate shutdown, which also ends the server's child processes.
        let pid = rustix::process::Pid::from_child(&self.server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.server.wait();
    }
}

/// The folder with PostgreSQL's programs: Debian's newest version, or a common location.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    folders.into_iter().rev().find(|folder| folder.join("initdb").exists())
}

/// The account to run the server as, because PostgreSQL refuses root. `Some(None)` is the current account; `None` when
/// no account is suitable.
fn account() -> Option<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Some(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find_map(|line| line.strip_prefix("postgres:"))?;
    let mut numbers = line.split(':').skip(1).map(str::parse);
    Some(Some((numbers.next()?.ok()?, numbers.next()?.ok()?)))
}
