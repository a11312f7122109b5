//! `hearth serve`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use hearth_base::Seams;
use hearth_base::config::{Config, process_environment};
use tokio::signal::unix::{SignalKind, signal};

use super::ConfigFile;

/// Looked for where the server is started.
const DEFAULT_FILE: &str = "hearth.toml";

/// Runs the server until a signal.
pub(super) fn run(file: &ConfigFile) -> ExitCode {
    let default = Path::new(DEFAULT_FILE);
    let path = file.config.as_deref().or_else(|| default.exists().then_some(default));
    let loaded = Config::load(path, process_environment()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(16).enable_all().build().unwrap();
    runtime.block_on(async {
        let running = crate::start(loaded.config, Seams::system()).await.unwrap();
        eprintln!("{:?}", running.listeners);
        let mut term = signal(SignalKind::terminate()).unwrap();
        let mut int = signal(SignalKind::interrupt()).unwrap();
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        running.stop(Duration::from_secs(4)).await;
    });
    ExitCode::SUCCESS
}
