//! Health and resource figures: `GET /api/v1/status`.

use std::sync::Arc;

use hearth_admin::wire::{FederationFigures, HealthLevel, Problem, RelayFigures, Status, areas, paths};
use hearth_base::Result;
use hearth_base::config::Engine;
use hearth_domain::calls::{Absence, Calls};
use http::Method;

use super::{HostInfo, endpoint};
use crate::App;
use crate::respond::Json;
use crate::route::Endpoint;

/// Free disk space below which the status warns, in bytes: enough for a few days of photos.
const DISK_FREE_BYTES_WARN: u64 = 500 * 1024 * 1024;
/// Queued writes above which the status warns that the disk cannot keep up.
const QUEUED_WRITES_WARN: u64 = 1_000;

/// Figures of the machine and the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machine {
    /// Resident memory of this process, in bytes.
    pub memory_resident_bytes: u64,
    /// Free space on the file system of the data folder, in bytes.
    pub disk_free_bytes: u64,
    /// Size of that file system, in bytes.
    pub disk_total_bytes: u64,
}

pub(super) fn endpoints(around: &Arc<HostInfo>) -> Vec<Endpoint> {
    let around = Arc::clone(around);
    vec![endpoint(Method::GET, paths::STATUS, move |app, _| status(app, Arc::clone(&around)))]
}

async fn status(app: App, around: Arc<HostInfo>) -> Result<Json<Status>> {
    let domain = &app.domain;
    let (core, admin) = (&domain.core, &domain.admin);
    let (figures, health, machine) = (admin.figures().await?, admin.store_health(), (around.machine)());
    let writer_queue = health.queued_writes.iter().sum::<usize>() as u64;
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        server_name: core.server_name.to_string(),
        uptime_s: admin.uptime().as_secs(),
        now_ms: core.now_ms(),
        users: figures.users,
        rooms: figures.rooms,
        events: figures.events,
        media_bytes: figures.media_bytes,
        database_bytes: health.db_bytes,
        wal_bytes: health.wal_bytes,
        memory_resident_bytes: machine.memory_resident_bytes,
        disk_free_bytes: machine.disk_free_bytes,
        disk_total_bytes: machine.disk_total_bytes,
        store_engine: match core.config.database.engine {
            Engine::Sqlite => "sqlite".to_owned(),
            Engine::Postgres => "postgres".to_owned(),
        },
        writer_queue,
        commits: health.commits,
        position: admin.position(),
        listeners: around.listeners.clone(),
        relay: domain.calls.held().map(|(allocations, users)| RelayFigures { allocations, users }),
        federation: federation(&app),
        problems: problems(&app, &around, &machine, writer_queue),
    }))
}

fn federation(app: &App) -> FederationFigures {
    let figures = app.domain.federation.outbox_figures();
    FederationFigures { away: figures.away as u64, queued_events: figures.queued_events as u64 }
}

/// The problems that need attention, most severe first.
fn problems(app: &App, around: &HostInfo, machine: &Machine, writer_queue: u64) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(ailment) = app.domain.admin.ailment() {
        problems.push(problem(HealthLevel::Fail, ailment.what(), ailment.remedy()));
    }
    if machine.disk_total_bytes > 0 && machine.disk_free_bytes < DISK_FREE_BYTES_WARN {
        let what = format!("Only {} MiB are free on the disk that holds the data.", machine.disk_free_bytes >> 20);
        problems.push(problem(HealthLevel::Warn, &what, "Free space there, or move the data to a larger disk."));
    }
    if writer_queue > QUEUED_WRITES_WARN {
        let what = format!("{writer_queue} writes wait for the disk.");
        problems.push(problem(HealthLevel::Warn, &what, "If this stays so, the disk is too slow or about to fail."));
    }
    problems.extend(around.certificates.problems());
    problems
        .extend(app.domain.core.config.reach_problem().map(|(what, remedy)| problem(HealthLevel::Warn, &what, remedy)));
    problems.extend(relay(&app.domain.calls));
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.level));
    problems
}

/// Problems of the TURN relay. A disabled relay is not a problem.
fn relay(calls: &Calls) -> Vec<Problem> {
    let about = |what: &str, remedy: &str| Problem {
        area: Some(areas::RELAY.to_owned()),
        ..problem(HealthLevel::Warn, what, remedy)
    };
    let remedy = "An address that is missing can be set: `turn.public_ipv4`, or `turn.stun_servers` that say it. \
                  `hearth ctl turn test` tries every way to the relay, and says what to open.";
    let warnings = calls.own().map(|own| own.running.warnings()).unwrap_or_default();
    let failed = calls.absence().filter(|absence| matches!(absence, Absence::Failed(_)));
    let warned = warnings.iter().map(|warning| about(warning, remedy));
    warned.chain(failed.map(|absence| about(&absence.to_string(), ""))).collect()
}

fn problem(level: HealthLevel, what: &str, remedy: &str) -> Problem {
    Problem { level, what: what.to_owned(), remedy: remedy.to_owned(), area: None }
}
