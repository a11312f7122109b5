//! `hearth serve`: loads the configuration and runs the server until a signal.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::{Address, Config, LogFormat};
use hearth_base::limits::server::{BLOCKING_THREADS_MAX, SERVE_WORKERS_MAX};
use hearth_base::{Error, Result, Seams};
use hearth_http::admin::LogRing;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config::ConfigFile;
use super::out;
use crate::{Running, machine, systemd, telemetry};

/// Runs the server until a signal arrives.
pub(super) fn run(file: &ConfigFile) -> ExitCode {
    // First, because it configures memory that is allocated from here on.
    machine::prepare();
    let Some(loaded) = file.load() else { return ExitCode::FAILURE };
    let (seams, log) = (Seams::system(), Arc::<LogRing>::default());
    telemetry::install(&loaded.config.log, Arc::clone(&seams.clock), Arc::clone(&log));
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(SERVE_WORKERS_MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("hearth")
        .enable_all()
        .build();
    let served = runtime
        .map_err(|error| Error::fault("starting threads", error))
        .and_then(|runtime| runtime.block_on(serve(loaded.config, seams, log)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::warn(format_args!("Hearth cannot run: {error}."));
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config, seams: Seams, log: Arc<LogRing>) -> Result<()> {
    let mut signals = Signals::listen()?;
    let grace = Duration::from_millis(config.server.graceful_stop_ms);
    let running = crate::start_with_log(config, seams, log).await?;
    introduce(&running).await?;
    systemd::ready();
    signals.next().await;
    systemd::stopping();
    tracing::info!("Stopping.");
    tokio::select! {
        () = running.stop(grace) => tracing::info!("Stopped."),
        () = signals.next() => tracing::warn!("Told to stop a second time, so stopped at once."),
    }
    Ok(())
}

/// Logs where the server listens and, on the first start, prints how to register the first account.
async fn introduce(running: &Running) -> Result<()> {
    let config = &running.domain.core.config;
    for listener in &running.listeners {
        let address = match &listener.address {
            Address::Tcp(address) if listener.tls => format!("https://{address}"),
            Address::Tcp(address) => format!("http://{address}"),
            unix @ Address::Unix(_) => unix.to_string(),
        };
        tracing::info!(address, resources = ?listener.resources, "Listening.");
    }
    let data = std::path::absolute(&config.server.data_dir).unwrap_or_else(|_| config.server.data_dir.clone());
    tracing::info!(server = config.server.name, data = %data.display(), "Hearth is running.");
    if let Some(token) = running.domain.accounts.first_run_token().await? {
        // Not to the log, which other accounts may read: it contains the registration token.
        out::warn(first_steps(&token, &config.public_baseurl(), config.log.format));
    }
    Ok(())
}

/// Instructions for the first account.
fn first_steps(token: &str, baseurl: &str, format: LogFormat) -> String {
    if format == LogFormat::Json {
        return serde_json::json!({ "first_registration_token": token }).to_string();
    }
    format!(
        "\nThere is no account yet. To make the first one, which will administer this server, open a Matrix client,\n\
         enter {baseurl} as homeserver, choose to create an account, and give this registration token\n\
         when you are asked for one. It works once.\n\n    {token}\n\n\
         Or, on this machine: hearth ctl users create NAME --admin\n"
    )
}

/// SIGTERM and SIGINT, which stop the server.
struct Signals(Signal, Signal);

impl Signals {
    fn listen() -> Result<Self> {
        let one = |kind| signal(kind).map_err(|error| Error::fault("listening for signals", error));
        Ok(Self(one(SignalKind::terminate())?, one(SignalKind::interrupt())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
