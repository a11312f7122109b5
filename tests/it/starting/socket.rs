//! `ctl` finds the running server, whatever its configuration and its account.

use std::os::unix::process::CommandExt;

use super::program::{Program, text};

const ANY_PORT: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\n";
const STRANGER: u32 = 65_534;

#[test]
fn ctl_needs_no_valid_configuration_and_takes_config_anywhere() {
    let program = Program::new();
    program.configure(ANY_PORT);
    let served = program.serve();
    // A key that this account may not read, and a mistake elsewhere.
    let tls = "tls = { certificate_file = \"none.pem\", key_file = \"none.pem\" }\n[rooms]\ndefault_version = \"99\"\n";
    program.configure(&format!("{ANY_PORT}{tls}"));
    let status = program.run(&["ctl", "status"]);
    assert!(status.status.success() && text(&status).contains("localhost"), "{}", text(&status));
    // From another folder, by the configuration's path: its data folder is relative to it.
    let file = program.path("hearth.toml");
    for words in [
        ["ctl", "status", "--config", "FILE"],
        ["ctl", "--config", "FILE", "status"],
        ["--config", "FILE", "ctl", "status"],
    ] {
        let mut command = program.command(&[]);
        let words = words.map(|word| if word == "FILE" { file.to_str().expect("a path") } else { word });
        let output = command.args(words).current_dir("/").output().expect("the binary runs");
        assert!(output.status.success(), "{words:?}: {}", text(&output));
    }
    served.stops();
}

#[test]
fn the_socket_is_in_the_folder_that_systemd_made() {
    let program = Program::new();
    program.configure(ANY_PORT);
    std::fs::create_dir(program.path("run")).expect("a folder");
    let runtime = ("RUNTIME_DIRECTORY", program.path("run"));
    let served = program.serve_by(program.command(&["serve"]).envs([runtime.clone()]));
    assert!(program.path("run/admin.sock").exists() && !program.path("data/admin.sock").exists());
    let status = program.command(&["ctl", "status"]).envs([runtime]).output().expect("the binary runs");
    assert!(status.status.success(), "{}", text(&status));
    served.stops();
}

#[test]
fn without_a_server_every_place_is_named() {
    let program = Program::new();
    for words in [&["ctl", "status"][..], &["admin"]] {
        let output = program.run(words);
        let told = text(&output);
        for place in ["./data/admin.sock", "/run/hearth/admin.sock", "/var/lib/hearth/admin.sock", "--socket"] {
            assert!(told.contains(place), "{words:?}: {told}");
        }
    }
    assert_eq!(program.run(&["ctl", "status"]).status.code(), Some(3));
}

#[test]
fn another_name_in_the_configuration_is_told() {
    let program = Program::new();
    program.configure(ANY_PORT);
    let served = program.serve();
    let named = [("HEARTH_SERVER__NAME", "family.example")];
    let status = program.command(&["ctl", "status"]).envs(named).output().expect("the binary runs");
    assert!(text(&status).contains("`server.name` is family.example"), "{}", text(&status));
    served.stops();
}

#[test]
fn members_of_the_group_reach_the_socket_and_nothing_else() {
    // Only root may give the socket to any group, and run the command as another account.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let program = Program::new();
    program.configure(&format!("{ANY_PORT}[admin]\ngroup = \"nogroup\"\n"));
    for (path, mode) in [(".", 0o755), ("hearth.toml", 0o644)] {
        let open = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(program.path(path), open).expect("it is ours");
    }
    let served = program.serve();
    let run = |words: &[&str], gid: u32| {
        let output = program.command(words).uid(STRANGER).gid(gid).output().expect("the binary runs");
        (output.status.code(), text(&output))
    };
    let (code, told) = run(&["ctl", "status"], STRANGER);
    assert_eq!(code, Some(0), "{told}");
    let listed = std::process::Command::new("ls").arg(program.path("data")).uid(STRANGER).gid(STRANGER).output();
    assert!(!listed.expect("ls runs").status.success(), "the group may pass through the folder, not list it");
    served.stops();
}
