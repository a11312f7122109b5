//! Reading files and the environment, and the errors for mistakes in them.

use std::path::Path;

use super::super::{Address, Config, RegistrationMode, Resource};
use super::{Loaded, Place};

/// Loads `file` as `hearth.toml` with `environment`; an error's text has the folder of the test removed.
fn load(file: &str, environment: &[(&str, &str)]) -> Result<Loaded, String> {
    let folder = Folder::new();
    let path = folder.0.join("hearth.toml");
    std::fs::write(&path, file.replace("DIR", &folder.0.to_string_lossy())).unwrap();
    std::fs::write(folder.0.join("secret"), "correct horse\n").unwrap();
    std::fs::write(folder.0.join("empty"), "\n").unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), environment)
        .map_err(|error| error.to_string().replace(&folder.0.display().to_string(), "DIR"))
}

/// A temporary folder, deleted on drop.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hearth-config-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn nothing_configured_is_a_usable_server() {
    let loaded = Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.server.name, "localhost");
    assert_eq!(loaded.config.listeners.len(), 1);
    assert_eq!(loaded.config.listeners[0].address.to_string(), "127.0.0.1:8008");
    assert_eq!(loaded.config.public_baseurl(), "http://localhost:8008");
    assert_eq!(loaded.config.admin_socket(), Path::new("./data/admin.sock"));
}

#[test]
fn a_name_counts_if_it_is_set_even_where_the_rest_is_out_of_reach() {
    let named = |environment: &[(&str, &str)]| {
        let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::is_named(None, pairs).map_err(|error| error.to_string())
    };
    assert_eq!(named(&[]), Ok(false));
    assert_eq!(named(&[("HEARTH_SERVER__DATA_DIR", "/nowhere")]), Ok(false));
    assert_eq!(named(&[("HEARTH_SERVER__NAME", "localhost")]), Ok(true));
    let secret = ("HEARTH_TURN__SHARED_SECRET_FILE", "/nowhere");
    assert_eq!(named(&[("HEARTH_SERVER__NAME", "a.b"), secret]), Ok(true));
    assert!(named(&[("HEARTH_SERVER__NAME", "a.b"), ("HEARTH_SERVER__NONSENSE", "1")]).is_err());
}

#[test]
fn the_file_is_read() {
    let file = r#"
        [server]
        name = "example.org"
        public_baseurl = "https://matrix.example.org/"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [[listeners]]
        address = "unix:/run/hearth.sock"
        socket_mode = "0666"
        [[listeners]]
        address = "[::1]:8009"
        resources = ["metrics"]
        [registration]
        mode = "token"
        shared_secret_file = "DIR/secret"
        [rate_limits]
        login.burst = 3
    "#;
    let Loaded { config, sources, warnings } = load(file, &[]).unwrap();
    assert_eq!(config.server.public_baseurl.unwrap().as_str(), "https://matrix.example.org");
    assert!(config.server.trusted_proxies[0].contains([10, 1, 2, 3].into()));
    assert_eq!(config.listeners[0].address, Address::Unix("/run/hearth.sock".into()));
    assert_eq!(config.listeners[0].socket_mode.0, 0o666);
    assert_eq!(config.listeners[1].resources, [Resource::Metrics]);
    assert_eq!(config.registration.mode, RegistrationMode::Token);
    assert_eq!(config.registration.shared_secret.unwrap().reveal(), "correct horse");
    assert_eq!((config.rate_limits.login.burst, config.rate_limits.login.per_second), (3, 0.1));
    assert!(matches!(sources["server.name"], Place::File(_, 3)));
    assert_eq!(warnings, []);
}

#[test]
fn the_environment_wins() {
    let environment = [
        ("HEARTH_SERVER__NAME", "env.example"),
        ("HEARTH_SERVER__GRACEFUL_STOP_MS", "5"),
        ("HEARTH_SERVER__SUPPORT_PAGE", ""),
        ("HEARTH_SERVER__TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#),
        ("HEARTH_PRESENCE__ENABLED", "false"),
        ("HEARTH_REGISTRATION__SHARED_SECRET", "12\"34"),
        ("HEARTH_LISTENERS", r#"[{ address = "127.0.0.1:1", resources = ["client"] }]"#),
        ("HEARTH_RATE_LIMITS__JOIN", "{ per_second = 2, burst = 9 }"),
        ("HEARTH_RATE_LIMITS__JOIN__BURST", "7"),
        ("HEARTH_CONFIG", "/etc/hearth.toml"),
        ("PATH", "/bin"),
    ];
    let file = "[server]\nname = 'file.example'\nsupport_page = 'https://x'\n[[listeners]]\n[[listeners]]\n\
                address = '[::1]:1'";
    let loaded = load(file, &environment).unwrap();
    let config = &loaded.config;
    assert_eq!((&*config.server.name, config.server.graceful_stop_ms), ("env.example", 5));
    assert_eq!(config.server.support_page, None);
    assert_eq!(config.server.trusted_proxies.len(), 1);
    assert!(!config.presence.enabled);
    assert_eq!(config.registration.shared_secret.as_ref().unwrap().reveal(), "12\"34");
    assert_eq!(config.listeners.len(), 1);
    assert_eq!((config.rate_limits.join.per_second, config.rate_limits.join.burst), (2.0, 7));
    assert!(!loaded.sources.contains_key("listeners[1].address"));
    let settings = loaded.settings();
    let name = settings.iter().find(|setting| setting.key == "server.name").unwrap();
    assert_eq!(name.value.as_deref(), Some("\"env.example\""));
    assert_eq!(name.default.as_deref(), Some("\"localhost\""));
    assert_eq!(name.place, Place::Environment("HEARTH_SERVER__NAME".to_owned()));
}

#[test]
fn a_variable_may_hold_json() {
    let json = r#"[{ "address": "127.0.0.1:1", "resources": ["client"] }]"#;
    let config = load("", &[("HEARTH_LISTENERS", json)]).unwrap().config;
    assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:1");
}

#[test]
fn secrets_are_not_shown() {
    let loaded = load("[registration]\nshared_secret = 'hunter2'\n[turn]\nshared_secret = 'hunter2'", &[]).unwrap();
    assert!(!format!("{loaded:?} {:?}", loaded.settings()).contains("hunter2"));
    let error = load("[registration]\nshared_secret = ['hunter2']", &[]).unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn errors_name_the_place() {
    let table: &[(&str, &str)] = &[
        ("[server]\nnmae = 'a'", "DIR/hearth.toml:2: server.nmae: unknown key; did you mean `name`?"),
        ("[servre]\nname = 'a'", "DIR/hearth.toml:1: servre: unknown key; did you mean `server`?"),
        ("\n[presence]\nzzzzzz = 1", "DIR/hearth.toml:3: presence.zzzzzz: unknown key; known here: enabled, federated"),
        ("server = 1", "DIR/hearth.toml:1: server: SERVER"),
        ("[server\n", "DIR/hearth.toml:1: not TOML: unclosed table, expected `]`"),
        ("[server]\nname = 'a'\nname = 'b'", "DIR/hearth.toml:3: not TOML: duplicate key"),
        ("[server]\nname = 1", "DIR/hearth.toml:2: server.name: expected a text, found 1"),
        ("[server]\nname = ''", "DIR/hearth.toml:2: server.name: it is empty"),
        (
            "[server]\nname = 'bücher.example'",
            "DIR/hearth.toml:2: server.name: it has letters beyond ASCII; write its punycode form, which starts with \
             `xn--`",
        ),
        (
            "[server]\nname = '::1'",
            "DIR/hearth.toml:2: server.name: an IPv6 address needs brackets, such as `[2001:db8::1]`",
        ),
        (
            "[server]\ngraceful_stop_ms = 'soon'",
            "DIR/hearth.toml:2: server.graceful_stop_ms: expected a whole number, found the text \"soon\"",
        ),
        (
            "[server]\ngraceful_stop_ms = -1",
            "DIR/hearth.toml:2: server.graceful_stop_ms: expected a whole number, found -1: \
             it must be between 0 and 18446744073709551615",
        ),
        (
            "[server]\ntrusted_proxies = ['10.0.0.0/33']",
            "DIR/hearth.toml:2: server.trusted_proxies[0]: expected an address or a range such as \"192.168.0.0/16\" \
             or \"fd00::/8\", found the text \"10.0.0.0/33\": there are only 32 bits",
        ),
        (
            "[server]\ntrusted_proxies = '10.0.0.0/8'",
            "DIR/hearth.toml:2: server.trusted_proxies: expected a list such as [\"…\"], found the text \"10.0.0.0/8\"",
        ),
        (
            "[server]\npublic_baseurl = 'matrix.example.org'",
            "DIR/hearth.toml:2: server.public_baseurl: expected a URL such as \"https://matrix.example.org\", \
             found the text \"matrix.example.org\"",
        ),
        (
            "[registration]\nmode = 'opne'",
            "DIR/hearth.toml:2: registration.mode: expected one of `closed`, `token`, `open`, found the text \"opne\"",
        ),
        (
            "[rooms]\ndefault_version = '5'",
            "DIR/hearth.toml:2: rooms.default_version: expected one of `6`, `7`, `8`, `9`, `10`, `11`, `12`, found `5`",
        ),
        (
            "[[listeners]]\naddress = '127.0.0.1'",
            "DIR/hearth.toml:2: listeners[0].address: expected an address and port such as \"127.0.0.1:8008\" or \
             \"[::]:8448\", or \"unix:/path/of/socket\", found the text \"127.0.0.1\"",
        ),
        (
            "[[listeners]]\n[[listeners]]",
            "DIR/hearth.toml:1: listeners[1].address: 127.0.0.1:8008 is the address of another listener as well",
        ),
        (
            "[[listeners]]\ntls = { certificate_file = 'DIR/none' }",
            "DIR/hearth.toml:2: listeners[0].tls.certificate_file: DIR/none cannot be read: \
             No such file or directory (os error 2)\n\
             DIR/hearth.toml:2: listeners[0].tls.key_file: missing; expected the path of a file",
        ),
        ("listeners = []", "DIR/hearth.toml:1: listeners: expected at least one listener"),
        (
            "[admin]\nsocket_mode = '999'",
            "DIR/hearth.toml:2: admin.socket_mode: expected octal permission bits in quotes, such as \"0660\", \
             found the text \"999\"",
        ),
        (
            "[registration]\nshared_secret = 'a'\nshared_secret_file = 'DIR/secret'",
            "DIR/hearth.toml:3: registration.shared_secret_file: `registration.shared_secret` is set as well; \
             remove one of the two",
        ),
        ("[turn]\nshared_secret_file = 'DIR/empty'", "DIR/hearth.toml:2: turn.shared_secret_file: DIR/empty is empty"),
        (
            "[database]\nengine = 'postgres'",
            "DIR/hearth.toml:2: database.engine: `postgres` needs `database.url` or `database.url_file`",
        ),
        ("[database]\nreaders = 0", "DIR/hearth.toml:2: database.readers: expected a number from 1 to 64, found 0"),
        (
            "[passwords]\nparallelism = 4\nmemory_kib = 16",
            "DIR/hearth.toml:3: passwords.memory_kib: expected a number from 32 to 4194304, found 16",
        ),
        (
            "[rate_limits]\nlogin = { burst = 0 }",
            "DIR/hearth.toml:2: rate_limits.login.burst: expected a number from 1 to 1000000, found 0",
        ),
        (
            "[log]\nlevel = 'info,hearth_http=loud'",
            "DIR/hearth.toml:2: log.level: expected one of `off`, `error`, `warn`, `info`, `debug`, `trace`, \
             found `loud`",
        ),
        (
            "[server]\nnmae = 1\n[log]\nformat = 2",
            "DIR/hearth.toml:2: server.nmae: unknown key; did you mean `name`?\n\
             DIR/hearth.toml:4: log.format: expected one of `text`, `json`, found 2",
        ),
    ];
    for (file, expected) in table {
        let error = load(file, &[]).err().unwrap_or_else(|| "no error".to_owned());
        // The list of keys of a section is long; it is built from the section.
        let expected = expected.replace("SERVER", &format!("expected a table with {}, found 1", keys_of_server()));
        assert_eq!(error, expected, "{file}");
    }
}

fn keys_of_server() -> String {
    let keys = super::super::Server::describe().keys;
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

#[test]
fn errors_in_the_environment_name_the_variable() {
    let table: &[(&str, &str, &str)] = &[
        ("HEARTH_SERVER_NAME", "a", "HEARTH_SERVER_NAME: unknown variable; did you mean HEARTH_SERVER__NAME?"),
        ("HEARTH_LISTENER", "[]", "HEARTH_LISTENER: unknown variable; did you mean HEARTH_LISTENERS?"),
        ("HEARTH_QUARTZ__ZEBRA", "1", "HEARTH_QUARTZ__ZEBRA: unknown variable; docs/CONFIG.md lists all variables"),
        (
            "HEARTH_PRESENCE__ENABLED",
            "yes",
            "HEARTH_PRESENCE__ENABLED: presence.enabled: expected true or false, found the text \"yes\"",
        ),
        ("HEARTH_SERVER__NAME", "", "HEARTH_SERVER__NAME: server.name: it is empty"),
        (
            "HEARTH_LISTENERS",
            r#"[{ adress = "127.0.0.1:1" }]"#,
            "HEARTH_LISTENERS: listeners[0].adress: unknown key; did you mean `address`?",
        ),
        (
            "HEARTH_DATABASE__READERS",
            "1000",
            "HEARTH_DATABASE__READERS: database.readers: expected a number from 1 to 64, found 1000",
        ),
    ];
    for (name, value, expected) in table {
        assert_eq!(load("", &[(name, value)]).unwrap_err(), *expected);
    }
}

#[test]
fn variables_of_orchestrators_are_only_a_warning() {
    for name in ["HEARTH_SERVICE_HOST", "HEARTH_PORT", "HEARTH_PORT_8008_TCP_ADDR", "HEARTH_SERVICE_PORT_HTTP"] {
        let loaded = load("", &[(name, "10.0.0.1")]).unwrap();
        assert_eq!(loaded.warnings.len(), 1, "{name}");
    }
}

#[test]
fn doubtful_settings_cause_warnings() {
    let file =
        "[[listeners]]\naddress = '0.0.0.0:8008'\n[registration]\nmode = 'open'\n[database]\nsynchronous = 'normal'";
    let keys: Vec<_> = load(file, &[]).unwrap().warnings.into_iter().map(|warning| warning.key).collect();
    assert_eq!(keys, ["listeners[0].address", "database.synchronous", "registration.mode"]);
}

#[test]
fn a_missing_file_is_an_error() {
    let error = Config::load(Some(Path::new("/nonexistent/hearth.toml")), std::iter::empty()).unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent/hearth.toml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn the_key_of_the_sfu_is_read_from_livekits_own_file() {
    let at = |rest: &str| load(&format!("[livekit]\naddress = 'ws://127.0.0.1:7880'\n{rest}"), &[]);
    for (rest, expected) in [
        ("", "DIR/hearth.toml:2: livekit.address: needs `livekit.key_file`"),
        ("key_file = 'DIR/secret'", "DIR/hearth.toml:3: livekit.key_file: DIR/secret has no line `NAME: SECRET`"),
        ("key_file = 'DIR/empty'", "DIR/hearth.toml:3: livekit.key_file: DIR/empty is empty"),
        ("key_file = 'DIR/nothing'", "DIR/hearth.toml:3: livekit.key_file: DIR/nothing cannot be read"),
        ("key = 'correct horse'", "DIR/hearth.toml:3: livekit.key: expected the name of the key"),
    ] {
        let error = at(rest).unwrap_err();
        assert!(error.starts_with(expected) && !error.contains("horse"), "{error}");
    }
    let folder = Folder::new();
    let file = folder.0.join("keys.yaml");
    std::fs::write(&file, "# shared\n\nhearth: 0123456789abcdef0123456789abcdef\nother: x\n").unwrap();
    let loaded = at(&format!("key_file = '{}'", file.display())).unwrap();
    assert_eq!(loaded.config.livekit.key_pair(), Some(("hearth", "0123456789abcdef0123456789abcdef")));
    assert!(!format!("{loaded:?} {:?}", loaded.settings()).contains("abcdef"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let warned = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            at(&format!("key_file = '{}'", file.display())).unwrap().warnings.len()
        };
        assert_eq!((warned(0o640), warned(0o644)), (0, 1), "LiveKit refuses a world-readable key file");
    }
}

#[test]
fn the_default_listener_can_be_opened_to_the_local_network() {
    let loaded = load("[server]\nlan = true", &[]).unwrap();
    assert_eq!(loaded.config.listeners[0].address.to_string(), "0.0.0.0:8008");
    let settings = loaded.settings();
    let address = settings.iter().find(|setting| setting.key == "listeners").unwrap();
    assert!(address.value.as_deref().is_some_and(|value| value.contains("0.0.0.0:8008")), "{address:?}");
    let keys: Vec<_> = loaded.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["listeners[0].address"], "it is told that passwords cross the network unencrypted");
    let own = "[server]\nlan = true\n[[listeners]]\naddress = '127.0.0.1:1'";
    let loaded = load(own, &[]).unwrap();
    assert_eq!(loaded.config.listeners[0].address.to_string(), "127.0.0.1:1");
    assert!(loaded.warnings.iter().any(|warning| warning.key == "server.lan"), "{:?}", loaded.warnings);
}

#[test]
fn a_glance_keeps_what_can_be_read() {
    let folder = Folder::new();
    let path = folder.0.join("hearth.toml");
    let file = "[server]\ndata_dir = '/srv/hearth'\nnmae = 1\n[admin]\nsocket = '/run/x.sock'\n[log]\nlevel = 'loud'\n\
                [[listeners]]\ntls = { certificate_file = '/none', key_file = '/none' }\n[turn]\nshared_secret_file = '/none'";
    std::fs::write(&path, file).unwrap();
    let (config, problems) = Config::glance(Some(&path), std::iter::empty());
    assert_eq!(
        (config.server.data_dir.as_path(), config.admin_socket()),
        (Path::new("/srv/hearth"), "/run/x.sock".into())
    );
    assert_eq!(problems.len(), 1, "{problems:?}");
    std::fs::write(&path, "not TOML").unwrap();
    let (config, problems) = Config::glance(Some(&path), std::iter::empty());
    assert_eq!((config, problems.len()), (Config::default(), 1));
}
