//! Measures the cost of a relayed packet, alternating with coturn in one run. The cost is the CPU time of the
//! server process (from schedstat, so that other work on the machine matters little). Peers and clients run in
//! this process.
//!
//! `cargo run --release -p hearth-turn --example relay_bench -- [rounds] [seconds]`; coturn: `apt-get install coturn`.
//!
//! With `-- builds [rounds] [seconds] [other builds of this program]`, compares what a packet costs in each.
//! With `-- flood [rounds] [requests per second, 0: unlimited] [other builds of this program]`, see [`flood`].

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::panic, reason = "a measuring program for developers")]

mod flood;
mod load;
mod round_trips;
mod servers;

use std::collections::BTreeMap;
use std::time::Duration;

use load::{Load, Outcome, Wrapping};
use servers::{Kind, Server};

/// Times of one case, in microseconds per packet, by server.
type Results = BTreeMap<(String, &'static str), Vec<(f64, f64)>>;

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| arguments.get(at).map_or("", String::as_str);
    let number = |at: usize, default: u64| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    match word(0) {
        "serve" => return servers::serve(number(1, 1) as usize, number(2, 0) as u16, number(3, 0)),
        "flood_sender" => return flood::flood_sender(word(1).parse().unwrap(), number(2, 0), word(3) == "invalid"),
        "trip" => return round_trips::run_client(word(1).parse().unwrap(), number(2, 0) as usize),
        "flood" | "builds" => {
            let mut programs = vec![std::env::current_exe().unwrap().to_str().unwrap().to_owned()];
            programs.extend(arguments.iter().skip(3).cloned());
            return match word(0) {
                "flood" => flood::compare(&programs, number(1, 5) as usize, number(2, 0)),
                _ => compare_builds(&programs, number(1, 5), Duration::from_secs(number(2, 2))),
            };
        }
        _ => {}
    }
    let (rounds, seconds) = (number(0, 5), number(1, 3));
    let mut results = Results::new();
    for round in 0..rounds {
        for threads in [1, 2] {
            for case in cases(Duration::from_secs(seconds)) {
                // Alternate the order as well.
                let mut kinds = [Kind::Ours, Kind::Coturn, Kind::Prompt];
                kinds.rotate_left(round as usize % 3);
                for kind in kinds {
                    measure(kind, threads, &case, &mut results);
                }
            }
        }
    }
    report(&results);
}

/// Compares the cost of a packet between builds of this program, alternating, on the first core.
fn compare_builds(programs: &[String], rounds: u64, time: Duration) {
    for case in cases(time) {
        let mut costs = vec![Vec::new(); programs.len()];
        for round in 0..rounds as usize {
            for at in (0..programs.len()).map(|step| (round + step) % programs.len()) {
                let server = Server::of_build(&programs[at], 1);
                let before = server.cpu_ns();
                let Outcome { received, .. } = load::run(&case, server.at);
                costs[at].push((server.cpu_ns() - before) as f64 / 1_000.0 / (2 * received) as f64);
            }
        }
        for (program, costs) in programs.iter().zip(&mut costs) {
            costs.sort_by(f64::total_cmp);
            let (least, most) = (costs[0], costs[costs.len() - 1]);
            let middle = median(costs.iter().copied());
            println!("{case}, {program}: {middle:.2} us/packet ({least:.2} to {most:.2})");
        }
    }
}

fn cases(time: Duration) -> Vec<Load> {
    let mut cases = Vec::new();
    for bytes in [160, 1_000] {
        for wrapping in [Wrapping::Channel, Wrapping::Indication] {
            for per_s in [Some(10_000), None] {
                cases.push(Load { bytes, wrapping, per_s, time });
            }
        }
    }
    cases
}

fn measure(kind: Kind, threads: usize, case: &Load, results: &mut Results) {
    let Some(server) = Server::start(kind, threads) else { return };
    let before = server.cpu_ns();
    let Outcome { sent, received } = load::run(case, server.at);
    let cpu_ns = server.cpu_ns() - before;
    let lost = 100.0 * (1.0 - received as f64 / sent as f64);
    let each_us = cpu_ns as f64 / 1_000.0 / (2 * received) as f64;
    let per_s = 2.0 * received as f64 / case.time.as_secs_f64();
    println!(
        "{:<7} {threads} thread(s), {case}: {each_us:.2} us/packet, {per_s:.0} packets/s, lost {lost:.2}%",
        kind.name()
    );
    results.entry((format!("{threads} thread(s), {case}"), kind.name())).or_default().push((each_us, lost));
}

fn report(results: &Results) {
    println!("\nmedian CPU per relayed packet (least to most); largest loss");
    let names: std::collections::BTreeSet<&String> = results.keys().map(|(name, _)| name).collect();
    for name in names {
        println!("{name}:");
        let theirs = results.get(&(name.clone(), Kind::Coturn.name())).map(|all| median(all.iter().map(|one| one.0)));
        for kind in [Kind::Coturn, Kind::Ours, Kind::Prompt] {
            let Some(all) = results.get(&(name.clone(), kind.name())) else { continue };
            let each = median(all.iter().map(|one| one.0));
            let least = all.iter().map(|one| one.0).fold(f64::MAX, f64::min);
            let most = all.iter().map(|one| one.0).fold(0.0, f64::max);
            let lost = all.iter().map(|one| one.1).fold(0.0, f64::max);
            let ratio = each / theirs.unwrap_or(f64::NAN);
            println!(
                "  {:<7} {each:.2} us ({least:.2} to {most:.2}), {ratio:.2} of coturn; lost {lost:.2}%",
                kind.name()
            );
        }
    }
}
