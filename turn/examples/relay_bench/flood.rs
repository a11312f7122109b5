//! Does anybody who is known to the relay notice a flood of strangers' requests? Round trips through a relay on a quiet machine,
//! beside a flood that goes elsewhere (the machine is as busy, the relay is not), in a flood that comes to the relay, and in one of
//! requests with made-up credentials.
//!
//! Strangers are on the second core. The relay is on the first, or with two threads on both, as it would be by itself. Clients and
//! peers stand for other machines, so they are on the first core with more of a right to it than the relay: neither relay nor
//! strangers make them late. Relay, clients and peers have real-time priority and strangers the highest of the ordinary ones, so
//! that what else the machine does matters little. Needs two cores, and `taskset`, `chrt` and `nice` with the right to use them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hearth_turn::stun::{Class, Method, Writer, attribute};

use super::median;
use super::servers::Server;
use super::talk::{KINDS, Talk};

/// Strangers' addresses.
const SOURCES: usize = 100;
/// Round trips measured at a time: for ten seconds, in which a million requests come.
const MESSAGES: usize = 8_000;
const CONDITIONS: [&str; 4] = ["quiet", "elsewhere", "flood", "made up"];

/// What strangers ask: Binding, and Allocate without credentials or with made-up ones.
fn requests(made_up: bool) -> [Vec<u8>; 2] {
    let mut packets = [Vec::new(), Vec::new()];
    Writer::new(&mut packets[0], Method::BINDING, Class::Request, [1; 12]);
    for packet in &mut packets[usize::from(!made_up)..] {
        let mut writer = Writer::new(packet, Method::ALLOCATE, Class::Request, [2; 12]);
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        if made_up {
            writer.put(attribute::USERNAME, b"2000000000:bench").put(attribute::REALM, b"hearth");
            writer.put(attribute::NONCE, &[b'A'; 16]).put(attribute::MESSAGE_INTEGRITY, &[7; 20]);
        }
    }
    packets
}

/// Sends strangers' requests to `at`, `per_s` of them in a second (0: as fast as one core can), until standard input ends;
/// prints how many, and in how many milliseconds.
pub(crate) fn strangers(at: SocketAddr, per_s: u64, made_up: bool) {
    let sources: Vec<UdpSocket> = (0..SOURCES)
        .map(|host| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, host as u8), 0)).unwrap();
            socket.connect(at).unwrap();
            // Answers are dropped when they have filled this.
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
    let (packets, start, mut sent) = (requests(made_up), Instant::now(), 0);
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

/// This program on one core, started through `before`.
fn on_core(core: u32, before: &[&str], arguments: &[String]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).args(before);
    command.arg(std::env::current_exe().unwrap()).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// What came of one measurement, by kind: 99th percentile, median (in microseconds), and loss.
type Figures = BTreeMap<(String, usize), Vec<Talk>>;

/// Compares relays, each a build of this program, in `rounds` rounds of each condition.
pub(crate) fn compare(programs: &[String], rounds: usize, per_s: u64) {
    let mut figures = Figures::new();
    for round in 0..rounds {
        for threads in [1, 2] {
            for program in programs {
                let relay = Server::of_build(program, threads);
                let mut conditions = [0, 1, 2, 3];
                conditions.rotate_left(round % 4);
                for condition in conditions {
                    let (talks, strangers) = measure(&relay, condition, per_s);
                    for talk in talks {
                        println!(
                            "{program}, {threads} thread(s), {} ({strangers}), {}: {talk}",
                            CONDITIONS[condition], KINDS[talk.kind]
                        );
                        let name = format!("{program}, {threads} thread(s), {}", KINDS[talk.kind]);
                        figures.entry((name, condition)).or_default().push(talk);
                    }
                }
            }
        }
    }
    report(&figures);
}

fn measure(relay: &Server, condition: usize, per_s: u64) -> (Vec<Talk>, String) {
    let elsewhere = UdpSocket::bind("127.0.0.9:0").unwrap();
    let target = if condition >= 2 { relay.at } else { elsewhere.local_addr().unwrap() };
    let strangers = (condition > 0).then(|| {
        let what = CONDITIONS[condition].to_owned();
        let arguments = ["strangers".to_owned(), target.to_string(), per_s.to_string(), what];
        on_core(1, &["nice", "-n", "-20"], &arguments).spawn().unwrap()
    });
    // As long with as without: who waits is colder.
    std::thread::sleep(Duration::from_millis(300));
    let cpu = relay.cpu_ns();
    let start = Instant::now();
    let talking = on_core(0, &["chrt", "-f", "10"], &["talk".to_owned(), relay.at.to_string(), MESSAGES.to_string()])
        .output()
        .unwrap();
    let share = (relay.cpu_ns() - cpu) as f64 / start.elapsed().as_nanos() as f64;
    let text = String::from_utf8(talking.stdout).unwrap();
    let talks = text.lines().map(|line| line.parse().unwrap()).collect();
    let Some(mut strangers) = strangers else { return (talks, format!("relay at {:.0}% of a core", 100.0 * share)) };
    drop(strangers.stdin.take());
    let output = strangers.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let [sent, ms] = [0, 1].map(|at| text.split_whitespace().nth(at).unwrap().parse::<u64>().unwrap());
    (talks, format!("{sent} packets at {} a second, relay at {:.0}% of a core", sent * 1_000 / ms, 100.0 * share))
}

fn report(figures: &Figures) {
    println!("\nmedian of rounds (least to most), in microseconds; ratios of medians");
    let names: std::collections::BTreeSet<&String> = figures.keys().map(|(name, _)| name).collect();
    for name in names {
        println!("{name}:");
        let of = |condition| figures.get(&(name.clone(), condition));
        let p99 = |condition| of(condition).map_or(f64::NAN, |all| median(all.iter().map(|talk| talk.p99_us)));
        for (condition, called) in CONDITIONS.iter().enumerate() {
            let Some(all) = of(condition) else { continue };
            let least = all.iter().map(|talk| talk.p99_us).fold(f64::MAX, f64::min);
            let most = all.iter().map(|talk| talk.p99_us).fold(0.0, f64::max);
            let (asked, lost) = all.iter().fold((0, 0), |sum, talk| (sum.0 + talk.asked, sum.1 + talk.lost));
            println!(
                "  {called:<9} p99 {:.0} ({least:.0} to {most:.0}), median {:.0}; {lost} of {asked} lost; {:.2} of quiet, {:.2} of elsewhere",
                p99(condition),
                median(all.iter().map(|talk| talk.median_us)),
                p99(condition) / p99(0),
                p99(condition) / p99(1),
            );
        }
    }
}
