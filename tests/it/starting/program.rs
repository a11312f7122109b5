//! The program in a folder of its own, run as a command.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long the program may take for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder in which the program is started, with `hearth.toml` and `data`.
pub(super) struct Program {
    folder: TempDir,
}

/// A running server, killed on drop.
pub(super) struct Served {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl Program {
    /// An empty folder.
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `hearth.toml`: `text`, cheap password hashes, and any free port.
    pub(super) fn configure(&self, text: &str) {
        let text = format!(
            "[passwords]\nmemory_kib = 8\niterations = 1\n[federation]\nenabled = false\n[turn]\nrelay = \"off\"\n{text}\n"
        );
        std::fs::write(self.path("hearth.toml"), text).expect("a file");
    }

    /// The command, in the folder, with nothing in its environment.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
        command.args(words).current_dir(self.folder.path()).env_clear().env("HEARTH_DATABASE__BALLAST_MIB", "0");
        command
    }

    /// Runs a command that ends by itself.
    pub(super) fn run(&self, words: &[&str]) -> Output {
        self.command(words).stdin(Stdio::null()).output().expect("the binary runs")
    }

    /// What a start that must fail prints.
    pub(super) fn refused(&self, command: &mut Command) -> String {
        let output = command.stdin(Stdio::null()).output().expect("the binary runs");
        let told = text(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        told
    }

    /// `hearth serve` on a free port, ready for requests.
    pub(super) fn serve(&self) -> Served {
        self.serve_by(&mut self.command(&["serve"]))
    }

    /// As [`Program::serve`], with another command.
    pub(super) fn serve_by(&self, command: &mut Command) -> Served {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let seen = Arc::<Mutex<String>>::default();
        let (lines, into) = (BufReader::new(child.stderr.take().expect("a pipe")), Arc::clone(&seen));
        #[expect(clippy::disallowed_methods, reason = "a thread of the test, which ends with the program's output")]
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut seen = into.lock().expect("no panic");
                seen.push_str(&line);
                seen.push('\n');
            }
        });
        let served = Served { child, seen };
        served.waits_for("Hearth is running");
        served
    }
}

impl Served {
    /// Everything that it has printed.
    pub(super) fn seen(&self) -> String {
        self.seen.lock().expect("no panic").clone()
    }

    /// Waits until it has printed `text`.
    pub(super) fn waits_for(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let seen = self.seen();
            if seen.contains(text) {
                return seen;
            }
            assert!(began.elapsed() < PATIENCE, "it does not print {text:?}:\n{seen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits until the process ends; returns what it printed, and its exit code.
    pub(super) fn ends(mut self) -> (String, Option<i32>) {
        let status = self.child.wait().expect("its state is known");
        (self.seen(), status.code())
    }

    /// Stops it cleanly.
    pub(super) fn stops(self) {
        self.signal(Signal::TERM);
        let (seen, code) = self.ends();
        assert_eq!(code, Some(0), "{seen}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A failed test must not leave a server process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both outputs of a command.
pub(super) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
