//! `/metrics` in the Prometheus text format. For the operator, so only listeners configured for it serve it.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::response::{IntoResponse, Response};
use hearth_domain::admin::store::{StoreHealth, StoreOperation};
use hearth_domain::calls::OwnRelay;
use hearth_domain::federation::outbox::OutboxFigures;
use http::{Method, header};

use crate::App;
use crate::auth::Authentication;
use crate::edge::Counters;
use crate::route::{Call, Endpoint};

/// `/metrics`; `counters` are shared with the edge, which counts every request.
pub fn endpoints(counters: &Arc<Counters>) -> Vec<Endpoint> {
    let counters = Arc::clone(counters);
    let show = move |app: App, _: Call| {
        let answer = metrics(&app, &counters);
        async move { Ok(answer) }
    };
    vec![Endpoint::plain(Method::GET, ["/metrics"], Authentication::None, show)]
}

fn metrics(app: &App, counters: &Counters) -> Response {
    let mut out = String::with_capacity(16 * 1024);
    requests(&mut out, counters);
    operations(&mut out, &app.domain.admin.store_operations());
    health(&mut out, &app.domain.admin.store_health());
    outbox(&mut out, &app.domain.federation.outbox_figures());
    if let Some(own) = app.domain.calls.own() {
        relay(&mut out, own);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out).into_response()
}

/// Metrics of the TURN relay.
fn relay(out: &mut String, own: &OwnRelay) {
    let counters = own.running.counters();
    let held = u64::from(own.running.allocation_count());
    let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
        begin(out, name, kind, help);
        let _ = writeln!(out, "hearth_{name} {value}");
    };
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    metric("relay_allocations", "gauge", "Relayed addresses held now.", held);
    metric("relay_streams", "gauge", "Connections to the relay by TCP and TLS.", read(&counters.streams));
    metric("relay_allocations_total", "counter", "Relayed addresses given out.", read(&counters.allocations));
    metric("relay_bindings_total", "counter", "Devices told their own address.", read(&counters.bindings));
    let directions = [
        ("to_peers", &counters.packets_to_peers, &counters.bytes_to_peers),
        ("to_clients", &counters.packets_to_clients, &counters.bytes_to_clients),
    ];
    begin(out, "relay_packets_total", "counter", "Datagrams relayed.");
    for (direction, packets, _) in directions {
        let _ = writeln!(out, "hearth_relay_packets_total{{direction=\"{direction}\"}} {}", read(packets));
    }
    begin(out, "relay_bytes_total", "counter", "Their bytes.");
    for (direction, _, bytes) in directions {
        let _ = writeln!(out, "hearth_relay_bytes_total{{direction=\"{direction}\"}} {}", read(bytes));
    }
    begin(out, "relay_refused_total", "counter", "Requests and data refused.");
    for (reason, count) in own.refusals() {
        let _ = writeln!(out, "hearth_relay_refused_total{{reason=\"{reason}\"}} {count}");
    }
}

/// Writes the `# HELP` and `# TYPE` lines of a metric.
fn begin(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = write!(out, "# HELP hearth_{name} {help}\n# TYPE hearth_{name} {kind}\n");
}

fn requests(out: &mut String, counters: &Counters) {
    let routes = counters.all();
    begin(out, "http_requests_total", "counter", "Requests answered.");
    for (route, counts) in &routes {
        for count in counts {
            let (method, status, requests) = (&count.method, count.status.as_u16(), count.requests);
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            let _ = writeln!(out, "hearth_http_requests_total{{{labels}}} {requests}");
        }
    }
    begin(
        out,
        "http_request_seconds_total",
        "counter",
        "Time spent answering requests, waiting of long polls included.",
    );
    for (route, counts) in &routes {
        let seconds: f64 = counts.iter().map(|count| count.total.as_secs_f64()).sum();
        let _ = writeln!(out, "hearth_http_request_seconds_total{{route=\"{route}\"}} {seconds}");
    }
}

fn operations(out: &mut String, operations: &[StoreOperation]) {
    let mut metric = |name: &str, help: &str, value: fn(&StoreOperation) -> f64| {
        begin(out, name, "counter", help);
        for operation in operations {
            let kind = if operation.writes { "write" } else { "read" };
            let _ =
                writeln!(out, "hearth_{name}{{operation=\"{}\",kind=\"{kind}\"}} {}", operation.name, value(operation));
        }
    };
    metric("store_operations_total", "Closures run by the database's threads.", |operation| operation.count as f64);
    metric("store_operations_failed_total", "Those that ended in an error or a refusal.", |operation| {
        operation.failed as f64
    });
    metric("store_operation_seconds_total", "Time that they took.", |operation| operation.total.as_secs_f64());
}

fn health(out: &mut String, health: &StoreHealth) {
    let mut metric = |name: &str, kind: &str, help: &str, value: f64| {
        begin(out, name, kind, help);
        let _ = writeln!(out, "hearth_{name} {value}");
    };
    metric("store_commits_total", "counter", "Commits that reached the disk.", health.commits as f64);
    metric("store_commit_seconds_total", "counter", "Time that they took.", health.commit_time.as_secs_f64());
    metric("store_writes_total", "counter", "Writes that were committed.", health.writes as f64);
    metric("store_queued_writes", "gauge", "Writes that wait.", health.queued_writes.iter().sum::<usize>() as f64);
    metric("store_queued_reads", "gauge", "Reads that wait.", health.queued_reads as f64);
    metric("store_database_bytes", "gauge", "Size of the database.", health.db_bytes as f64);
    metric("store_wal_bytes", "gauge", "Size of its write-ahead log.", health.wal_bytes as f64);
    if let Some(free) = health.free_bytes {
        metric("disk_free_bytes", "gauge", "What is free where the database lies.", free as f64);
    }
    metric(
        "store_out_of_space",
        "gauge",
        "1 while writes are refused because the disk is full.",
        f64::from(u8::from(health.out_of_space)),
    );
}

fn outbox(out: &mut String, figures: &OutboxFigures) {
    let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
        begin(out, name, kind, help);
        let _ = writeln!(out, "hearth_{name} {value}");
    };
    let counters = [
        ("federation_sent_transactions_total", "Transactions that other servers took.", figures.transactions),
        ("federation_failed_transactions_total", "Transactions that they did not take.", figures.failed),
        ("federation_sent_pdus_total", "Events sent, counted for each server.", figures.events),
        ("federation_sent_edus_total", "EDUs sent, counted for each server.", figures.edus),
        ("federation_objected_pdus_total", "Events that a server took and was not content with.", figures.complaints),
    ];
    for (name, help, value) in counters {
        metric(name, "counter", help, value);
    }
    metric("federation_destinations_away", "gauge", "Servers whose last attempt failed.", figures.away as u64);
    metric("federation_queued_pdus", "gauge", "Events that wait to be sent.", figures.queued_events as u64);
    metric("federation_queued_edus", "gauge", "EDUs that wait to be sent.", figures.queued_edus as u64);
}
