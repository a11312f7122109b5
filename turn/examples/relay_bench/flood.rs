//! Measures how a flood of unauthenticated requests affects authenticated clients. Compares round trips on a
//! quiet machine, next to a flood to another port (the machine is as busy, the relay is not), in a flood to the
//! relay, and in a flood with invalid credentials.
//!
//! The flood runs on the second core. The relay runs on the first, or with two threads on both, as it would by
//! itself. Clients and peers stand for other machines: they run on the first core with a higher priority than
//! the relay, so neither relay nor flood delays them. Relay, clients and peers have real-time priority and the
//! flood the highest normal one, so that other work on the machine matters little. Needs two cores, and
//! `taskset`, `chrt` and `nice` with the right to use them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hearth_turn::stun::{Class, Method, Writer, attribute};

use super::median;
use super::round_trips::{KINDS, RoundTrips};
use super::servers::Server;

/// Source addresses of the flood.
const SOURCES: usize = 100;
/// Round trips per measurement: ten seconds, in which a million requests arrive.
const MESSAGES: usize = 8_000;
const CONDITIONS: [&str; 4] = ["quiet", "elsewhere", "flood", "invalid"];

/// The packets of the flood: Binding, and Allocate without credentials or with invalid ones.
fn requests(invalid: bool) -> [Vec<u8>; 2] {
    let mut packets = [Vec::new(), Vec::new()];
    Writer::new(&mut packets[0], Method::BINDING, Class::Request, [1; 12]);
    for packet in &mut packets[usize::from(!invalid)..] {
        let mut writer = Writer::new(packet, Method::ALLOCATE, Class::Request, [2; 12]);
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        if invalid {
            writer.put(attribute::USERNAME, b"2000000000:bench").put(attribute::REALM, b"hearth");
            writer.put(attribute::NONCE, &[b'A'; 16]).put(attribute::MESSAGE_INTEGRITY, &[7; 20]);
        }
    }
    packets
}

/// Sends the flood to `at`, `per_s` requests per second (0: as many as one core can), until standard input
/// ends. Prints the number of requests and the time in milliseconds.
pub(crate) fn flood_sender(at: SocketAddr, per_s: u64, invalid: bool) {
    let sources: Vec<UdpSocket> = (0..SOURCES)
        .map(|host| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, host as u8), 0)).unwrap();
            socket.connect(at).unwrap();
            // Responses are dropped once they have filled this buffer.
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4_096).unwrap();
            socket
        })
        .collect();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let ended = std::sync::Arc::clone(&done);
    let _reader = std::thread::Builder::new().spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let (packets, start, mut sent) = (requests(invalid), Instant::now(), 0);
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let due = (start.elapsed().as_secs_f64() * per_s as f64) as usize;
        if per_s > 0 && sent >= due {
            std::hint::spin_loop();
            continue;
        }
        let _ = sources[sent % SOURCES].send(&packets[sent / SOURCES % 2]);
        sent += 1;
    }
    println!("{sent} {}", start.elapsed().as_millis());
}

/// This program on one core, started with the prefix `before`.
fn on_core(core: u32, before: &[&str], arguments: &[String]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).args(before);
    command.arg(std::env::current_exe().unwrap()).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Results of one measurement, by kind: 99th percentile and median in microseconds, and loss.
type Figures = BTreeMap<(String, usize), Vec<RoundTrips>>;

/// Compares relays (builds of this program) in `rounds` rounds of each condition.
pub(crate) fn compare(programs: &[String], rounds: usize, per_s: u64) {
    let mut figures = Figures::new();
    for round in 0..rounds {
        for threads in [1, 2] {
            for program in programs {
                let relay = Server::of_build(program, threads);
                let mut conditions = [0, 1, 2, 3];
                conditions.rotate_left(round % 4);
                for condition in conditions {
                    let (trips, flood_sender) = measure(&relay, condition, per_s);
                    for trip in trips {
                        println!(
                            "{program}, {threads} thread(s), {} ({flood_sender}), {}: {trip}",
                            CONDITIONS[condition], KINDS[trip.kind]
                        );
                        let name = format!("{program}, {threads} thread(s), {}", KINDS[trip.kind]);
                        figures.entry((name, condition)).or_default().push(trip);
                    }
                }
            }
        }
    }
    report(&figures);
}

fn measure(relay: &Server, condition: usize, per_s: u64) -> (Vec<RoundTrips>, String) {
    let elsewhere = UdpSocket::bind("127.0.0.9:0").unwrap();
    let target = if condition >= 2 { relay.at } else { elsewhere.local_addr().unwrap() };
    let flood_sender = (condition > 0).then(|| {
        let what = CONDITIONS[condition].to_owned();
        let arguments = ["flood_sender".to_owned(), target.to_string(), per_s.to_string(), what];
        on_core(1, &["nice", "-n", "-20"], &arguments).spawn().unwrap()
    });
    // Pause in every condition: an idle core is slower at first.
    std::thread::sleep(Duration::from_millis(300));
    let cpu = relay.cpu_ns();
    let start = Instant::now();
    let talking = on_core(0, &["chrt", "-f", "10"], &["trip".to_owned(), relay.at.to_string(), MESSAGES.to_string()])
        .output()
        .unwrap();
    let share = (relay.cpu_ns() - cpu) as f64 / start.elapsed().as_nanos() as f64;
    let text = String::from_utf8(talking.stdout).unwrap();
    let trips = text.lines().map(|line| line.parse().unwrap()).collect();
    let Some(mut flood_sender) = flood_sender else {
        return (trips, format!("relay at {:.0}% of a core", 100.0 * share));
    };
    drop(flood_sender.stdin.take());
    let output = flood_sender.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let [sent, ms] = [0, 1].map(|at| text.split_whitespace().nth(at).unwrap().parse::<u64>().unwrap());
    (trips, format!("{sent} packets at {} a second, relay at {:.0}% of a core", sent * 1_000 / ms, 100.0 * share))
}

fn report(figures: &Figures) {
    println!("\nmedian of rounds (least to most), in microseconds; ratios of medians");
    let names: std::collections::BTreeSet<&String> = figures.keys().map(|(name, _)| name).collect();
    for name in names {
        println!("{name}:");
        let of = |condition| figures.get(&(name.clone(), condition));
        let p99 = |condition| of(condition).map_or(f64::NAN, |all| median(all.iter().map(|trip| trip.p99_us)));
        for (condition, called) in CONDITIONS.iter().enumerate() {
            let Some(all) = of(condition) else { continue };
            let least = all.iter().map(|trip| trip.p99_us).fold(f64::MAX, f64::min);
            let most = all.iter().map(|trip| trip.p99_us).fold(0.0, f64::max);
            let (asked, lost) = all.iter().fold((0, 0), |sum, trip| (sum.0 + trip.asked, sum.1 + trip.lost));
            println!(
                "  {called:<9} p99 {:.0} ({least:.0} to {most:.0}), median {:.0}; {lost} of {asked} lost; {:.2} of quiet, {:.2} of elsewhere",
                p99(condition),
                median(all.iter().map(|trip| trip.median_us)),
                p99(condition) / p99(0),
                p99(condition) / p99(1),
            );
        }
    }
}
