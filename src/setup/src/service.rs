//! The service of systemd: the account, the unit and its sockets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::answers::{Answers, Reach};
use crate::files::write_file;

/// The unit as it is in the repository and in the package.
const UNIT: &str = include_str!("../../../systemd/hearth.service");
/// The sockets that systemd opens for the service, which may not open ports below 1024 itself. They have the names of those in the
/// package.
const SOCKETS: [(&str, u16); 3] =
    [("hearth-https.socket", 443), ("hearth-http.socket", 80), ("hearth-federation.socket", 8448)];
/// The program and the settings in the unit.
const PROGRAM: &str = "/usr/bin/hearth";
const SETTINGS: &str = "/etc/hearth/hearth.toml";
/// The data folder of the unit.
const DATA: &str = "/var/lib/hearth";
/// Where a program goes that the service cannot run where it is, such as in a home folder.
const OWN_PROGRAM: &str = "/usr/local/bin/hearth";
const ACCOUNT: &str = "u hearth - \"Hearth Matrix homeserver\" /var/lib/hearth";
const FILE_MODE: u32 = 0o644;
const PROGRAM_MODE: u32 = 0o755;

/// Runs programs of the system; tests note what would be run.
pub trait Runner {
    /// Runs a program and waits for it.
    ///
    /// # Errors
    /// A sentence with what it printed.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String>;
}

/// Runs programs.
#[derive(Debug, Default)]
pub struct Shell;

impl Runner for Shell {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let command = format!("{program} {}", arguments.join(" "));
        let output =
            Command::new(program).args(arguments).output().map_err(|error| format!("`{command}` failed: {error}."))?;
        let told = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("`{command}` failed: {}", told.trim())) }
    }
}

/// The service to install.
#[derive(Debug, Clone)]
pub struct Service {
    /// The root of the file system: `/`, or a folder in tests.
    pub root: PathBuf,
    /// The program of this process.
    pub program: PathBuf,
    /// The file of settings.
    pub settings: PathBuf,
}

impl Service {
    /// A service of this machine.
    ///
    /// # Errors
    /// If the path of this program is not known.
    pub fn here(settings: &Path) -> std::io::Result<Self> {
        Ok(Self { root: "/".into(), program: std::env::current_exe()?, settings: crate::settings::absolute(settings) })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Makes the account of the service.
    ///
    /// # Errors
    /// If that fails: a sentence.
    pub fn make_account(&self, runner: &dyn Runner) -> Result<(), String> {
        runner.run("systemd-sysusers", &["--inline", ACCOUNT])
    }

    /// The ids of the account and its group.
    #[must_use]
    pub fn account(&self) -> Option<(u32, u32)> {
        let users = std::fs::read_to_string(self.at("/etc/passwd")).ok()?;
        let line = users.lines().find(|line| line.starts_with("hearth:"))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    }

    /// Writes the unit, unless a package brought it, and what differs on this machine.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_units(&self, answers: &Answers) -> std::io::Result<()> {
        let packaged = self.is_packaged();
        if !packaged {
            let program = self.runnable_program()?;
            let folder = self.at("/etc/systemd/system");
            write_file(&folder.join("hearth.service"), &self.unit(&program), FILE_MODE)?;
            for (name, port) in SOCKETS {
                write_file(&folder.join(name), &socket(port), FILE_MODE)?;
            }
        }
        let drop_in = self.at("/etc/systemd/system/hearth.service.d/setup.conf");
        match self.drop_in(answers, packaged) {
            Some(text) => write_file(&drop_in, &text, FILE_MODE),
            None => std::fs::remove_file(&drop_in).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
        }
    }

    /// The unit for this program and these settings. Without the package there is no folder of credentials, without which
    /// systemd would not start the service; and the name is set, so no condition looks for it.
    fn unit(&self, program: &Path) -> String {
        let start = format!("ExecStart={} serve --config {}", program.display(), self.settings.display());
        let lines =
            UNIT.lines().filter(|line| !line.starts_with("LoadCredential=") && !line.starts_with("ExecCondition="));
        let lines = lines.map(|line| if line.starts_with("ExecStart=") { start.as_str() } else { line });
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    fn is_packaged(&self) -> bool {
        ["/usr/lib/systemd/system", "/lib/systemd/system"]
            .iter()
            .any(|folder| self.at(folder).join("hearth.service").exists())
    }

    /// The program where the service can run it: it does not see home folders.
    fn runnable_program(&self) -> std::io::Result<PathBuf> {
        if ["/usr", "/opt"].iter().any(|folder| self.program.starts_with(folder)) {
            return Ok(self.program.clone());
        }
        let target = self.at(OWN_PROGRAM);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let hidden = target.with_extension("new");
        std::fs::copy(&self.program, &hidden)?;
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(PROGRAM_MODE))?;
        std::fs::rename(&hidden, &target)?;
        Ok(OWN_PROGRAM.into())
    }

    /// What differs from the unit on this machine.
    fn drop_in(&self, answers: &Answers, packaged: bool) -> Option<String> {
        let mut lines = Vec::new();
        let data = answers.data_dir.to_string_lossy();
        if !answers.data_dir.starts_with(DATA) {
            lines.push(format!("ReadWritePaths={data}"));
            if ["/home", "/root", "/run/user"].iter().any(|home| answers.data_dir.starts_with(home)) {
                lines.push("ProtectHome=no".to_owned());
            }
        }
        if packaged && self.settings != Path::new(SETTINGS) {
            let settings = self.settings.display();
            lines.push("ExecCondition=".to_owned());
            lines.push(format!("ExecStart=\nExecStart={PROGRAM} serve --config {settings}"));
        }
        (!lines.is_empty()).then(|| format!("# Written by `hearth setup`.\n[Service]\n{}\n", lines.join("\n")))
    }

    /// Starts the service now and with the machine.
    ///
    /// # Errors
    /// What systemctl prints.
    pub fn start(&self, answers: &Answers, runner: &dyn Runner) -> Result<(), String> {
        runner.run("systemctl", &["daemon-reload"])?;
        if answers.reach == Reach::Internet {
            // Before the service, which takes them over; a service that runs has to end, or it would hold the ports.
            runner.run("systemctl", &["stop", "hearth.service"])?;
            let names = SOCKETS.map(|(name, _)| name);
            runner.run("systemctl", &[&["enable", "--now"], &names[..]].concat())?;
        }
        runner.run("systemctl", &["enable", "hearth.service"])?;
        runner.run("systemctl", &["restart", "hearth.service"])
    }
}

/// A socket for IPv6 and IPv4.
fn socket(port: u16) -> String {
    format!(
        "# Written by `hearth setup`.\n[Unit]\nDescription=Port {port} of Hearth\n\n[Socket]\nService=hearth.service\n\
         ListenStream={port}\nBindIPv6Only=both\nBacklog=1024\n\n[Install]\nWantedBy=sockets.target\n"
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::tests::answers;

    #[derive(Default)]
    struct Notes(RefCell<Vec<String>>);

    impl Runner for Notes {
        fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
            self.0.borrow_mut().push(format!("{program} {}", arguments.join(" ")));
            Ok(())
        }
    }

    fn service(root: &Path) -> Service {
        std::fs::create_dir_all(root.join("home")).unwrap();
        std::fs::write(root.join("home/hearth"), "program").unwrap();
        Service { root: root.to_owned(), program: root.join("home/hearth"), settings: "/srv/h.toml".into() }
    }

    #[test]
    fn without_a_package_the_unit_names_this_program_and_these_settings() {
        let root = tempfile::tempdir().unwrap();
        let service = service(root.path());
        service.write_units(&answers(Reach::Internet)).unwrap();
        let unit = std::fs::read_to_string(root.path().join("etc/systemd/system/hearth.service")).unwrap();
        assert!(unit.contains("ExecStart=/usr/local/bin/hearth serve --config /srv/h.toml"), "{unit}");
        assert!(!unit.contains("LoadCredential"), "{unit}");
        assert_eq!(std::fs::read_to_string(root.path().join("usr/local/bin/hearth")).unwrap(), "program");
        let socket = std::fs::read_to_string(root.path().join("etc/systemd/system/hearth-https.socket")).unwrap();
        assert!(socket.contains("ListenStream=443\n"), "{socket}");
        assert!(!root.path().join("etc/systemd/system/hearth.service.d/setup.conf").exists(), "nothing differs");
    }

    #[test]
    fn a_folder_elsewhere_is_opened_for_the_service() {
        let root = tempfile::tempdir().unwrap();
        let service = service(root.path());
        std::fs::create_dir_all(root.path().join("usr/lib/systemd/system")).unwrap();
        std::fs::write(root.path().join("usr/lib/systemd/system/hearth.service"), "packaged").unwrap();
        let elsewhere = Answers { data_dir: "/home/kim/data".into(), ..answers(Reach::Lan) };
        service.write_units(&elsewhere).unwrap();
        let drop_in = root.path().join("etc/systemd/system/hearth.service.d/setup.conf");
        let text = std::fs::read_to_string(&drop_in).unwrap();
        for line in
            ["ReadWritePaths=/home/kim/data", "ProtectHome=no", "ExecStart=/usr/bin/hearth serve --config /srv/h.toml"]
        {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!root.path().join("etc/systemd/system/hearth.service").exists(), "the package's unit stays");
        let usual = Service { settings: SETTINGS.into(), ..service };
        usual.write_units(&answers(Reach::Lan)).unwrap();
        assert!(!drop_in.exists(), "nothing differs any more");
    }

    #[test]
    fn low_ports_are_opened_before_the_service_starts() {
        let root = tempfile::tempdir().unwrap();
        let service = service(root.path());
        let ran = |reach| {
            let notes = Notes::default();
            service.start(&answers(reach), &notes).unwrap();
            notes.0.into_inner()
        };
        let internet = ran(Reach::Internet);
        assert!(internet[2].starts_with("systemctl enable --now hearth-https.socket"), "{internet:?}");
        assert_eq!(internet.last().map(String::as_str), Some("systemctl restart hearth.service"));
        assert!(ran(Reach::Lan).iter().all(|command| !command.contains("socket")));
    }

    #[test]
    fn the_account_is_found() {
        let root = tempfile::tempdir().unwrap();
        let service = service(root.path());
        assert_eq!(service.account(), None);
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::write(
            root.path().join("etc/passwd"),
            "root:x:0:0::/:/bin/sh\nhearth:x:970:971::/var/lib/hearth:/bin/false\n",
        )
        .unwrap();
        assert_eq!(service.account(), Some((970, 971)));
    }
}
