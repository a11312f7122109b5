//! Starts that are refused, each with its remedy, and what a start mends by itself.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::Program;

/// The account `nobody`, which owns no files.
const STRANGER: u32 = 65_534;

const ANY_PORT: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\n";

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Whether the tests run as root, who may start the program as another account and mount file systems.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A small file system in memory, unmounted on drop.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir(&at).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_missing_database_beside_the_files_of_a_server_is_not_replaced() {
    for remains in ["media/ab/cd/abcd", "snapshots/hearth-3-5.db", "ballast", "certificates/key.pem"] {
        let program = Program::new();
        program.configure(ANY_PORT);
        program.serve().stops();
        let data = program.path("data");
        std::fs::create_dir_all(data.join(remains).parent().expect("a folder")).expect("a folder");
        std::fs::write(data.join(remains), "content").expect("a file");
        std::fs::rename(data.join("hearth.db"), program.path("away")).expect("it is moved away");
        for command in ["serve", "check-config"] {
            let told = program.refused(&mut program.command(&[command]));
            assert!(told.contains("hearth.db is missing") && told.contains("`mv ./data ./data.old`"), "{told}");
            assert!(told.contains("snapshots/hearth-3-5.db ./data/hearth.db`") == remains.contains("snap"), "{told}");
        }
        assert!(!data.join("hearth.db").exists());
        std::fs::rename(program.path("away"), data.join("hearth.db")).expect("it is moved back");
        program.serve().stops();
    }
}

#[test]
fn permissions_are_tightened_whatever_they_were() {
    let program = Program::new();
    program.configure(ANY_PORT);
    std::fs::create_dir(program.path("data")).expect("a folder");
    set_mode(&program.path("data"), 0o755);
    program.serve().stops();
    assert_eq!(mode(&program.path("data")), 0o700, "a folder that was made before the first start");
    for (name, open) in
        [("data", 0o777), ("data/media", 0o755), ("data/hearth.db", 0o644), ("data/hearth.db-lock", 0o644)]
    {
        set_mode(&program.path(name), open);
    }
    let served = program.serve();
    assert!(served.seen().contains("Now they cannot"), "{}", served.seen());
    for (name, closed) in
        [("data", 0o700), ("data/media", 0o700), ("data/hearth.db", 0o600), ("data/hearth.db-lock", 0o600)]
    {
        assert_eq!(mode(&program.path(name)), closed, "{name}");
    }
    served.stops();
}

#[test]
fn a_folder_with_other_things_in_it_keeps_its_permissions() {
    let program = Program::new();
    program.configure(&format!("{ANY_PORT}[server]\ndata_dir = \".\"\n"));
    std::fs::write(program.path("holiday.txt"), "not Hearth's").expect("a file");
    set_mode(&program.path("."), 0o755);
    let served = program.serve();
    assert!(served.seen().contains("chmod go= ."), "{}", served.seen());
    served.stops();
    assert_eq!((mode(&program.path(".")), mode(&program.path("hearth.db"))), (0o755, 0o600));
}

#[test]
fn a_port_in_use_names_the_command_that_shows_by_what() {
    let program = Program::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    program.configure(&format!("[[listeners]]\naddress = \"127.0.0.1:{port}\"\n"));
    for command in ["serve", "check-config"] {
        let told = program.refused(&mut program.command(&[command]));
        assert!(told.contains(&format!("sudo ss -ltnp 'sport = :{port}'")), "{command}: {told}");
    }
    drop(taken);
    program.serve().stops();
}

#[test]
fn an_address_of_another_machine_names_the_command_that_lists_ones_own() {
    let program = Program::new();
    program.configure("[[listeners]]\naddress = \"198.51.100.7:8008\"\n");
    let told = program.refused(&mut program.command(&["serve"]));
    assert!(told.contains("`ip address`"), "{told}");
}

#[test]
fn files_of_another_account_name_the_command_that_gives_them_back() {
    if !is_root() {
        return;
    }
    let program = Program::new();
    program.configure(ANY_PORT);
    set_mode(&program.path("."), 0o755);
    set_mode(&program.path("hearth.toml"), 0o644);
    let as_nobody = || {
        let mut command = program.command(&["serve"]);
        command.uid(STRANGER).gid(STRANGER);
        command
    };
    // A data folder that cannot be made.
    let told = program.refused(&mut as_nobody());
    assert!(told.contains("sudo install -d -o nobody -m 0700 ") && told.contains("/data`"), "{told}");
    // One start with sudo, and the lock file belongs to root.
    let data = program.path("data");
    program.serve().stops();
    std::os::unix::fs::chown(&data, Some(STRANGER), Some(STRANGER)).expect("we are root");
    let told = program.refused(&mut as_nobody());
    assert!(told.contains("hearth.db-lock belongs to the account root"), "{told}");
    assert!(told.contains("sudo chown -R nobody: ") && told.contains("/data`"), "{told}");
    for name in ["hearth.db-lock", "hearth.db", "media", "media/tmp"] {
        std::os::unix::fs::chown(data.join(name), Some(STRANGER), Some(STRANGER)).expect("we are root");
    }
    let served = program.serve_by(&mut as_nobody());
    served.stops();
    // And a start with sudo on the folder of another account is told of.
    set_mode(&data, 0o755);
    let served = program.serve();
    assert!(served.seen().contains("to another account than Hearth's"), "{}", served.seen());
    assert_eq!(mode(&data), 0o755);
    served.stops();
}

#[test]
fn a_read_only_file_system_names_how_to_mount_it() {
    let program = Program::new();
    let Some(disk) = Disk::mount(program.path("disk"), "ro,size=1m") else { return };
    program.configure(&format!("{ANY_PORT}[server]\ndata_dir = {:?}\n", disk.0.join("data")));
    let told = program.refused(&mut program.command(&["serve"]));
    assert!(told.contains("is read-only") && told.contains("sudo mount -o remount,rw "), "{told}");
}

#[test]
fn a_full_disk_leaves_no_half_made_database() {
    let program = Program::new();
    let Some(disk) = Disk::mount(program.path("disk"), "size=64k") else { return };
    program.configure(&format!("{ANY_PORT}[server]\ndata_dir = {:?}\n", disk.0));
    let told = program.refused(&mut program.command(&["serve"]));
    assert!(told.contains("is full") && told.contains("df -h ") && !told.contains(".."), "{told}");
    let left: Vec<_> = disk.0.read_dir().expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["hearth.db-lock"], "{told}");
    let more = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&disk.0).status();
    assert!(more.expect("mount runs").success());
    program.serve().stops();
}
