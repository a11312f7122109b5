//! SIGHUP: reloads what can be reloaded, and stops the server cleanly when its terminal is gone.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};

use super::program::{PATIENCE, Program, text};

const ANY_PORT: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\n";

const REGISTRATION: &str = "id: irc\nurl: null\nas_token: secret_of_irc\nhs_token: of_hearth\nsender_localpart: irc\n\
    rate_limited: false\nnamespaces:\n  users: []\n  aliases: []\n  rooms: []\n";

#[test]
fn a_hangup_reloads_and_names_what_needs_a_restart() {
    let program = Program::new();
    let with = |text: &str| program.configure(&format!("{ANY_PORT}[appservices]\nfolder = \"bridges\"\n{text}"));
    std::fs::create_dir(program.path("bridges")).expect("a folder");
    with("");
    let served = program.serve();
    std::fs::write(program.path("bridges/irc.yaml"), REGISTRATION).expect("a file");
    with("[log]\nlevel = \"debug\"\n[registration]\nmode = \"open\"\n[rate_limits]\nenabled = false\n");
    served.signal(Signal::HUP);
    let seen = served.waits_for("Reloaded the configuration.");
    assert!(seen.contains("Log level changed") && seen.contains("registrations=1"), "{seen}");
    assert!(seen.contains("@irc:localhost"), "the sender's account: {seen}");
    assert!(seen.contains("next start") && seen.contains("key=rate_limits.enabled"), "{seen}");
    assert!(!seen.contains("key=log.level") && !seen.contains("key=registration.mode"), "{seen}");
    assert!(seen.contains("Registration mode changed. mode=open"), "{seen}");
    let mode = text(&program.run(&["ctl", "tokens", "create"]));
    assert!(mode.contains("Registration is open"), "{mode}");

    // A configuration that is wrong changes nothing.
    program.configure("nonsense = 1");
    served.signal(Signal::HUP);
    let seen = served.waits_for("nothing was reloaded");
    assert!(seen.contains("nonsense"), "{seen}");
    served.stops();
}

#[test]
fn the_service_manager_is_told_of_a_reload_and_its_end() {
    let program = Program::new();
    program.configure(ANY_PORT);
    let manager = UnixDatagram::bind(program.path("notify")).expect("a socket");
    manager.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let next = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let served = program.serve_by(program.command(&["serve"]).env("NOTIFY_SOCKET", program.path("notify")));
    assert_eq!(next(), "READY=1");
    let before = monotonic_usec();
    for configuration in [ANY_PORT, "nonsense = 1"] {
        program.configure(configuration);
        served.signal(Signal::HUP);
        let told = next();
        let usec = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|usec| usec.parse::<i64>().ok());
        assert!(usec.is_some_and(|usec| (before..=monotonic_usec()).contains(&usec)), "{told}");
        assert_eq!(next(), "READY=1", "also when the configuration is wrong");
    }
    served.signal(Signal::TERM);
    assert_eq!(next(), "STOPPING=1");
    assert_eq!(served.ends().1, Some(0));
}

fn monotonic_usec() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[test]
fn a_closed_terminal_stops_the_server_cleanly() {
    let program = Program::new();
    program.configure(ANY_PORT);
    // `script` gives the server a terminal, which closes with it, as sshd's does when a connection ends.
    // As if nothing had asked the tests to outlive their terminal (`nohup`): children inherit that.
    let serve = format!("exec env --default-signal=HUP {} serve 2>log", env!("CARGO_BIN_EXE_hearth"));
    let mut script = Command::new("script");
    script
        .args(["-qec", &serve, "/dev/null"])
        .current_dir(program.path("."))
        .stdout(Stdio::null())
        .stdin(Stdio::null());
    let Ok(mut terminal) = script.spawn() else { return };
    waits_for(&program, "Hearth is running");
    terminal.kill().expect("it runs");
    terminal.wait().expect("it has ended");
    waits_for(&program, "The terminal was closed.");
    waits_for(&program, "Stopped.");
    assert!(!program.path("data/hearth.db-wal").exists(), "the database was not closed");
}

fn waits_for(program: &Program, text: &str) {
    let began = Instant::now();
    loop {
        let log = std::fs::read_to_string(program.path("log")).unwrap_or_default();
        if log.contains(text) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "it does not log {text:?}:\n{log}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
