//! `hearth serve`: loads the configuration and runs the server until a signal.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::{Address, Loaded, LogFormat};
use hearth_base::limits::server::{BLOCKING_THREADS_MAX, SERVE_WORKERS_MAX};
use hearth_base::{Error, Result, Seams};
use hearth_http::admin::LogRing;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config::ConfigFile;
use super::first_start::FirstStart;
use super::hangup::Hangup;
use super::reload::Reloading;
use super::{name, out, socket};
use crate::telemetry::{self, LevelSwitch};
use crate::{Running, machine, systemd};

/// The arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Let devices in the local network use the server: listen on all addresses of this machine (`server.lan`)
    #[arg(long)]
    lan: bool,
}

impl Serve {
    /// Settings that the command line replaces.
    fn flags(&self) -> &'static [(&'static str, &'static str)] {
        if self.lan { &[("HEARTH_SERVER__LAN", "true")] } else { &[] }
    }

    /// Runs the server until a signal arrives.
    pub(super) fn run(&self, file: &ConfigFile) -> ExitCode {
        // First, because it configures memory that is allocated from here on.
        machine::prepare();
        let hangup = Hangup::at_start();
        let Some(loaded) = file.load(self.flags()) else { return ExitCode::FAILURE };
        let (seams, log) = (Seams::system(), Arc::<LogRing>::default());
        let level = telemetry::install(&loaded.config.log, Arc::clone(&seams.clock), Arc::clone(&log));
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        if let Some(refusal) = name::refusal(&loaded, file.path()) {
            out::warn(format_args!("Hearth cannot run: {refusal}."));
            return ExitCode::FAILURE;
        }
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(SERVE_WORKERS_MAX);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("hearth")
            .enable_all()
            .build();
        let served = runtime
            .map_err(|error| Error::fault("starting threads", error))
            .and_then(|runtime| runtime.block_on(self.serve(file, loaded, (seams, log, level), hangup)));
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Some errors are whole sentences.
                let error = error.to_string();
                out::warn(format_args!("Hearth cannot run: {}.", error.trim_end_matches('.')));
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(
        &self,
        file: &ConfigFile,
        loaded: Loaded,
        (seams, log, level): (Seams, Arc<LogRing>, LevelSwitch),
        hangup: Hangup,
    ) -> Result<()> {
        let mut signals = Signals::listen()?;
        let grace = Duration::from_millis(loaded.config.server.graceful_stop_ms);
        let mut config = loaded.config.clone();
        socket::place(&mut config);
        let running = crate::start_with_log(config, seams, log).await?;
        introduce(&running, &loaded, file).await?;
        systemd::ready();
        let mut reloading = Reloading::new(file, self.flags(), &loaded, level);
        loop {
            match signals.next().await {
                Told::Stop => break,
                Told::Hangup if hangup.terminal_is_gone().await => {
                    tracing::info!(
                        "The terminal was closed. To run without one, start Hearth by systemd, tmux or nohup."
                    );
                    break;
                }
                Told::Hangup => {
                    systemd::reloading();
                    reloading.reload(&running).await;
                    // Also after a refusal: the server goes on.
                    systemd::ready();
                }
            }
        }
        systemd::stopping();
        tracing::info!("Stopping.");
        tokio::select! {
            () = running.stop(grace) => tracing::info!("Stopped."),
            () = signals.stop_again() => tracing::warn!("Told to stop a second time, so stopped at once."),
        }
        Ok(())
    }
}

/// Logs where the server listens and prints at which addresses clients reach it and, on the first start, how to register
/// the first account.
async fn introduce(running: &Running, loaded: &Loaded, file: &ConfigFile) -> Result<()> {
    let config = &running.domain.core.config;
    for listener in &running.listeners {
        let address = match &listener.address {
            Address::Tcp(address) if listener.tls => format!("https://{address}"),
            Address::Tcp(address) => format!("http://{address}"),
            unix @ Address::Unix(_) => unix.to_string(),
        };
        tracing::info!(address, resources = ?listener.resources, "Listening.");
    }
    let absolute = |path: &std::path::Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (data, socket) = (absolute(&config.server.data_dir), absolute(&config.admin_socket()));
    tracing::info!(server = config.server.name, data = %data.display(), socket = %socket.display(), "Hearth is running.");
    let token = running.domain.accounts.first_run_token().await?;
    if config.log.format == LogFormat::Json {
        if let Some(token) = token {
            out::warn(serde_json::json!({ "first_registration_token": token }));
        }
        return Ok(());
    }
    let program =
        std::env::args().next().filter(|program| program.contains('/')).unwrap_or_else(|| "hearth".to_owned());
    let (token, terminal) = (token.as_deref(), std::io::stderr().is_terminal());
    let text = FirstStart { loaded, program: &program, file: file.path(), token, terminal }.text();
    if !text.is_empty() {
        // Not to the log, which other accounts may read: it contains the registration token.
        out::warn(text);
    }
    Ok(())
}

/// What a signal tells the server.
enum Told {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Hangup,
}

/// The signals that the server handles.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let one = |kind| signal(kind).map_err(|error| Error::fault("listening for signals", error));
        Ok(Self {
            terminate: one(SignalKind::terminate())?,
            interrupt: one(SignalKind::interrupt())?,
            hangup: one(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Hangup,
        }
    }

    /// Waits for another order to stop. A terminal that closes sends SIGHUP more than once.
    async fn stop_again(&mut self) {
        while let Told::Hangup = self.next().await {}
    }
}
