//! Group calls: the files for LiveKit, the SFU, which is a program of its own. The authorization service that Element Call's
//! instructions want besides is in Hearth.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hearth_base::Random;

use crate::answers::{Answers, Reach};
use crate::finding::Finding;
use crate::settings::Settings;

/// The version that the container file names. A newer one is a change of this line and a test of a call.
const IMAGE: &str = "docker.io/livekit/livekit-server:v1.13.5";
/// Where Hearth and the SFU find each other.
const ADDRESS: &str = "ws://127.0.0.1:7880";
/// The name of the key that both share.
const KEY: &str = "hearth";
/// Letters of its secret.
const SECRET_CHARS: usize = 43;
/// Interfaces that lead to containers and virtual machines: devices cannot reach this machine there, and trying takes time.
const VIRTUAL: [&str; 7] = ["docker0", "podman0", "cni-podman0", "virbr0", "lxcbr0", "lxdbr0", "incusbr0"];
/// Permission bits: the key is for root and the group of the service; LiveKit refuses one that all can read.
const KEY_MODE: u32 = 0o640;
const FILE_MODE: u32 = 0o644;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its path.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Its permission bits.
    pub mode: u32,
}

/// The SFU's files and key.
#[derive(Debug)]
pub struct GroupCalls {
    folder: PathBuf,
    key: String,
}

impl GroupCalls {
    /// With a key of its own, in the folder `livekit` beside the settings.
    #[must_use]
    pub fn new(settings_file: &Path, random: &(dyn Random + 'static)) -> Self {
        let beside = crate::settings::absolute(settings_file);
        let folder = beside.parent().unwrap_or(Path::new("/")).join("livekit");
        Self { folder, key: format!("{KEY}: {}", random.alphanumeric(SECRET_CHARS)) }
    }

    /// Sets what Hearth needs. With `check`, the key stands in the settings themselves, because its file is not there yet.
    pub fn apply(&self, settings: &mut Settings, check: bool) {
        settings.set("livekit", "address", ADDRESS);
        if check {
            settings.set("livekit", "key", self.key.as_str());
        } else {
            settings.set("livekit", "key_file", self.key_file().to_string_lossy().as_ref());
        }
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("keys.yaml")
    }

    /// The files: the key, LiveKit's settings, and a container file. A key that is there stays.
    #[must_use]
    pub fn files(&self, answers: &Answers, public: Option<IpAddr>) -> Vec<NewFile> {
        let file = |name: &str, text: String, mode| NewFile { path: self.folder.join(name), text, mode };
        let mut files = vec![
            file("livekit.yaml", self.livekit_yaml(answers, public), FILE_MODE),
            file("compose.yaml", self.compose_yaml(), FILE_MODE),
        ];
        if !self.key_file().exists() {
            files.insert(0, file("keys.yaml", format!("{}\n", self.key), KEY_MODE));
        }
        files
    }

    fn livekit_yaml(&self, answers: &Answers, public: Option<IpAddr>) -> String {
        let node = match (answers.reach, answers.lan_address, public) {
            (Reach::Lan, Some(address), _) | (_, _, Some(address)) => {
                format!("  # The address that devices are told.\n  node_ip: {address}\n  use_external_ip: false\n")
            }
            _ => "  # Asks a STUN server for the address that devices are told.\n  use_external_ip: true\n".to_owned(),
        };
        let excludes: String = VIRTUAL.iter().map(|name| format!("      - {name}\n")).collect();
        format!(
            "# LiveKit for the group calls of {name}, written by `hearth setup`.\n\
             port: 7880\n\
             bind_addresses: [\"127.0.0.1\"]\n\
             rtc:\n\
             \x20 tcp_port: 7881\n\
             \x20 udp_port: 7882\n\
             {node}\
             \x20 # Where no device can reach this machine.\n\
             \x20 interfaces:\n\
             \x20   excludes:\n\
             {excludes}\
             room:\n\
             \x20 # Calls are started by users of Hearth alone.\n\
             \x20 auto_create: false\n\
             key_file: {key_file}\n\
             webhook:\n\
             \x20 api_key: {KEY}\n\
             \x20 urls: [\"{url}/_matrix/livekit/jwt/sfu_webhook\"]\n",
            name = answers.name,
            key_file = self.key_file().display(),
            url = answers.url(),
        )
    }

    fn compose_yaml(&self) -> String {
        let folder = self.folder.display();
        format!(
            "# LiveKit as a container: `docker compose up -d` or `podman-compose up -d` in this folder.\n\
             services:\n\
             \x20 livekit:\n\
             \x20   image: {IMAGE}\n\
             \x20   command: --config {folder}/livekit.yaml\n\
             \x20   # Its ports are those of this machine: forwarding each datagram would cost more than the SFU itself.\n\
             \x20   network_mode: host\n\
             \x20   read_only: true\n\
             \x20   cap_drop: [ALL]\n\
             \x20   # The key may belong to the user who ran `hearth setup`.\n\
             \x20   cap_add: [DAC_READ_SEARCH]\n\
             \x20   security_opt: [\"no-new-privileges:true\"]\n\
             \x20   volumes:\n\
             \x20     - {folder}:{folder}:ro\n\
             \x20   restart: unless-stopped\n"
        )
    }

    /// A unit that runs LiveKit: `program` is its binary, or `podman` or `docker`.
    #[must_use]
    pub fn unit(&self, program: &Path) -> NewFile {
        let (folder, shown) = (self.folder.display(), program.display());
        let engine = program.file_name().is_some_and(|name| name == "podman" || name == "docker");
        let start = if engine {
            format!(
                "ExecStartPre=-{shown} rm --force hearth-livekit\n\
                 ExecStart={shown} run --rm --name hearth-livekit --network host --read-only --cap-drop all \
                 --security-opt no-new-privileges --volume {folder}:{folder}:ro {IMAGE} --config {folder}/livekit.yaml\n\
                 ExecStop={shown} stop hearth-livekit\n"
            )
        } else {
            format!(
                "ExecStart={shown} --config {folder}/livekit.yaml\n\
                 User=hearth\nGroup=hearth\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\n\
                 CapabilityBoundingSet=\n"
            )
        };
        let text = format!(
            "# Written by `hearth setup`.\n\
             [Unit]\n\
             Description=LiveKit, the SFU of Hearth's group calls\n\
             After=network-online.target hearth.service\n\
             Wants=network-online.target\n\n\
             [Service]\n{start}Restart=on-failure\nRestartSec=5\n\n\
             [Install]\nWantedBy=multi-user.target\n"
        );
        NewFile { path: "/etc/systemd/system/hearth-livekit.service".into(), text, mode: FILE_MODE }
    }

    /// What remains to be done where no unit was made.
    #[must_use]
    pub fn by_hand(&self) -> Finding {
        Finding::note(format!(
            "LiveKit itself is not installed. With Docker or Podman: `docker compose up -d` in {}. Open 7882 UDP and 7881 \
             TCP.",
            self.folder.display()
        ))
    }
}

/// The program with which a unit can run LiveKit.
#[must_use]
pub fn livekit_program() -> Option<PathBuf> {
    let names = ["/usr/local/bin/livekit-server", "/usr/bin/livekit-server", "/usr/bin/podman", "/usr/bin/docker"];
    names.into_iter().map(PathBuf::from).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::answers;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, out: &mut [u8]) {
            out.fill(7);
        }
    }

    #[test]
    fn hearth_and_livekit_have_the_same_key_and_address() {
        let folder = tempfile::tempdir().unwrap();
        let calls = GroupCalls::new(&folder.path().join("hearth.toml"), &Sevens);
        let files = calls.files(&answers(Reach::Internet), Some([198, 41, 0, 4].into()));
        let named = |name: &str| files.iter().find(|file| file.path.ends_with(name)).expect(name);
        let (key, yaml) = (named("keys.yaml"), named("livekit.yaml"));
        assert_eq!(key.mode & 0o007, 0, "LiveKit refuses a key that all can read");
        assert!(key.text.starts_with("hearth: ") && key.text.len() > 40, "{}", key.text);
        assert!(yaml.text.contains("node_ip: 198.41.0.4") && yaml.text.contains("auto_create: false"), "{}", yaml.text);
        assert!(yaml.text.contains("excludes:\n      - docker0\n"), "{}", yaml.text);
        assert!(yaml.text.contains("https://family.example/_matrix/livekit/jwt/sfu_webhook"), "{}", yaml.text);
        let compose = &named("compose.yaml").text;
        assert!(compose.contains(":v1."), "a pinned version");
        assert!(
            compose.contains("cap_add: [DAC_READ_SEARCH]"),
            "without it the container's root reads no key of a user"
        );
        let mut settings = Settings::parse("").unwrap();
        calls.apply(&mut settings, false);
        assert!(settings.text().contains(&key.path.display().to_string()), "{}", settings.text());

        std::fs::create_dir_all(key.path.parent().unwrap()).unwrap();
        std::fs::write(&key.path, "hearth: old").unwrap();
        assert!(calls.files(&answers(Reach::Lan), None).iter().all(|file| !file.path.ends_with("keys.yaml")));
    }

    #[test]
    fn in_a_local_network_devices_are_told_its_address() {
        let calls = GroupCalls::new(Path::new("/etc/hearth/hearth.toml"), &Sevens);
        assert!(calls.livekit_yaml(&answers(Reach::Lan), None).contains("node_ip: 192.168.1.20"));
        assert!(calls.livekit_yaml(&answers(Reach::Proxy), None).contains("use_external_ip: true"));
        assert!(calls.unit(Path::new("/usr/bin/podman")).text.contains("podman run --rm --name hearth-livekit"));
        assert!(calls.unit(Path::new("/usr/bin/livekit-server")).text.contains("User=hearth"));
    }
}
