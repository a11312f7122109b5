//! SIGHUP: reloads what can be reloaded, and stops the server cleanly when its terminal is gone.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::program::{PATIENCE, Program};

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
    with("[log]\nlevel = \"debug\"\n[registration]\nmode = \"token\"\n");
    served.signal(Signal::HUP);
    let seen = served.waits_for("Reloaded the configuration.");
    assert!(seen.contains("Log level changed") && seen.contains("registrations=1"), "{seen}");
    assert!(seen.contains("@irc:localhost"), "the sender's account: {seen}");
    assert!(seen.contains("next start") && seen.contains("key=registration.mode"), "{seen}");
    assert!(!seen.contains("key=log.level"), "{seen}");

    // A configuration that is wrong changes nothing.
    program.configure("nonsense = 1");
    served.signal(Signal::HUP);
    let seen = served.waits_for("nothing was reloaded");
    assert!(seen.contains("nonsense"), "{seen}");
    served.stops();
}

#[test]
fn a_closed_terminal_stops_the_server_cleanly() {
    let program = Program::new();
    program.configure(ANY_PORT);
    // `script` gives the server a terminal, which closes with it, as sshd's does when a connection ends.
    let serve = format!("exec {} serve 2>log", env!("CARGO_BIN_EXE_hearth"));
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
