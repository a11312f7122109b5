//! `hearth ctl status`, `audit`, `jobs` and `operations`: read-only commands that print one response.

use hearth_admin::text::safe_text;
use hearth_admin::wire::{AuditList, AuditQuery, HealthLevel, JobList, OperationKind, OperationList, Status, paths};

use hearth_base::config::Config;

use super::table::{bytes, time};
use super::{Outcome, Session, table};
use crate::cli::out;

pub(super) async fn status(session: &Session) -> Outcome {
    let status: Status = session.client.get(paths::STATUS).await?;
    session.print(&status, show_status);
    // Without a configuration the name is the default, and the command may well have found a server by its socket.
    let (configured, running) = (&session.configured_name, &status.server_name);
    if *configured != Config::default().server.name && configured != running {
        out::warn(format_args!(
            "Warning: `server.name` is {configured} in the configuration here, and the server that runs is {}. With this \
             configuration it would not start: see `hearth check-config`.",
            safe_text(running)
        ));
    }
    Ok(())
}

fn show_status(status: &Status) {
    let line = |title: &str, text: &str| out::say(format_args!("{title:<12}{}", safe_text(text)));
    let (hours, minutes) = (status.uptime_s / 3_600, status.uptime_s / 60 % 60);
    line("Server", &format!("{} (Hearth {})", status.server_name, status.version));
    line("Running", &format!("{} days {} h {minutes} min", hours / 24, hours % 24));
    line("Users", &status.users.to_string());
    line("Rooms", &status.rooms.to_string());
    line("Events", &status.events.to_string());
    line(
        "Database",
        &format!("{} ({}), log {}", bytes(status.database_bytes), status.store_engine, bytes(status.wal_bytes)),
    );
    line("Memory", &bytes(status.memory_resident_bytes));
    line("Disk", &format!("{} free of {}", bytes(status.disk_free_bytes), bytes(status.disk_total_bytes)));
    for listener in &status.listeners {
        let tls = if listener.tls { ", TLS" } else { "" };
        line("Listening", &format!("{} ({}{tls})", listener.address, listener.resources.join(", ")));
    }
    let relayed = status.relay.map_or_else(
        || "no relay of Hearth's runs".to_owned(),
        |relay| format!("{} relayed addresses for {} people", relay.allocations, relay.users),
    );
    line("Calls", &relayed);
    let federation = status.federation;
    line("Federation", &format!("{} servers away, {} events wait", federation.away, federation.queued_events));
    for problem in &status.problems {
        let title = match problem.level {
            HealthLevel::Ok => "Fine",
            HealthLevel::Warn => "Warning",
            HealthLevel::Fail => "Failure",
        };
        line(title, &format!("{} {}", problem.what, problem.remedy));
    }
}

pub(super) async fn audit(session: &Session, limit: u32) -> Outcome {
    let audit: AuditList = session.client.get(&paths::audit(&AuditQuery { limit: Some(limit) })).await?;
    session.print(&audit, |audit| {
        let rows = audit.items.iter().map(|entry| {
            let (actor, action, target) = (entry.actor.clone(), entry.action.clone(), entry.target.clone());
            [time(Some(entry.ts_ms)), actor, action, target, entry.detail.clone()]
        });
        table::print(["WHEN", "WHO", "WHAT", "WHOM", "DETAIL"], rows);
    });
    Ok(())
}

pub(super) async fn jobs(session: &Session) -> Outcome {
    let jobs: JobList = session.client.get(paths::JOBS).await?;
    session.print(&jobs, |jobs| {
        let rows = jobs.items.iter().map(|job| {
            let (state, progress) =
                (format!("{:?}", job.state).to_lowercase(), format!("{:.0} %", job.progress * 100.0));
            [job.id.clone(), job.name.clone(), state, progress, time(Some(job.started_ms)), job.message.clone()]
        });
        table::print(["JOB", "NAME", "STATE", "DONE", "STARTED", "MESSAGE"], rows);
    });
    Ok(())
}

pub(super) async fn operations(session: &Session) -> Outcome {
    let operations: OperationList = session.client.get(paths::STORE_OPERATIONS).await?;
    session.print(&operations, |operations| {
        let rows = operations.items.iter().map(|operation| {
            let kind = match operation.kind {
                OperationKind::Read => "read",
                OperationKind::Write => "write",
            };
            let ms = |us: u64| format!("{:.1}", us as f64 / 1_000.0);
            let (count, total, max) = (operation.count.to_string(), ms(operation.total_us), ms(operation.max_us));
            [operation.name.clone(), kind.to_owned(), count, total, max]
        });
        table::print(["OPERATION", "KIND", "RUNS", "TOTAL MS", "SLOWEST MS"], rows);
    });
    Ok(())
}
