//! The conversation, in a world of its own.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use hearth_base::Millis;
use hearth_base::limits::setup::CLOCK_MS_MIN;

use crate::answers::{Answers, Given, Reach};
use crate::dialog::{Dialog, Stop};
use crate::terminal::{Terminal, wrapped};
use crate::world::{Disk, DnsFault, PortState, RouterView, Transport, World};

/// A machine on which everything is right, unless a test changes that.
pub(crate) struct FakeWorld {
    pub(crate) names: HashMap<String, Result<Vec<IpAddr>, DnsFault>>,
    pub(crate) own: Vec<IpAddr>,
    pub(crate) ports: HashMap<(u16, Transport), PortState>,
    pub(crate) comes_back: Option<bool>,
    pub(crate) disk: Option<Disk>,
    pub(crate) writable: bool,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) stored_name: Option<String>,
    pub(crate) has_systemd: bool,
    pub(crate) time: Option<Millis>,
    pub(crate) router: Option<RouterView>,
}

impl Default for FakeWorld {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            own: vec!["198.41.0.4".parse().unwrap()],
            ports: HashMap::new(),
            comes_back: Some(false),
            disk: Some(Disk { free_bytes: 1 << 40, kind: "ext4".to_owned(), read_only: false }),
            writable: true,
            memory_bytes: Some(1 << 32),
            stored_name: None,
            has_systemd: false,
            time: None,
            router: None,
        }
    }
}

impl World for FakeWorld {
    fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, DnsFault> {
        self.names.get(name).cloned().unwrap_or_else(|| Err(DnsFault("no answer".to_owned())))
    }

    fn own_addresses(&self) -> Vec<IpAddr> {
        self.own.clone()
    }

    fn seen_by_stun(&self, _: &str) -> Option<IpAddr> {
        None
    }

    fn router(&self) -> Option<RouterView> {
        self.router.clone()
    }

    fn port(&self, port: u16, transport: Transport) -> PortState {
        self.ports.get(&(port, transport)).cloned().unwrap_or(PortState::Free)
    }

    fn comes_back(&self, _: SocketAddr) -> Option<bool> {
        self.comes_back
    }

    fn now_ms(&self) -> Millis {
        CLOCK_MS_MIN + 1
    }

    fn time_of(&self, _: &str) -> Option<Millis> {
        self.time
    }

    fn disk(&self, _: &Path) -> Option<Disk> {
        self.disk.clone()
    }

    fn writable(&self, _: &Path) -> bool {
        self.writable
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.memory_bytes
    }

    fn stored_name(&self, _: &Path) -> Option<String> {
        self.stored_name.clone()
    }

    fn is_root(&self) -> bool {
        true
    }

    fn has_systemd(&self) -> bool {
        self.has_systemd
    }
}

/// Answers of a family.
pub(crate) fn answers(reach: Reach) -> Answers {
    Answers {
        name: "family.example".to_owned(),
        host: "family.example".to_owned(),
        reach,
        email: Some("kim@family.example".to_owned()),
        admin: "kim".to_owned(),
        data_dir: "/var/lib/hearth".into(),
        port: 8008,
        lan_address: Some([192, 168, 1, 20].into()),
        public_address: None,
        forward_ports: false,
        ipv6: true,
        name_is_elsewhere: false,
    }
}

/// A person who types what a test has written down.
#[derive(Default)]
struct Script {
    typed: VecDeque<String>,
    screen: Vec<String>,
}

impl Script {
    fn of(lines: &[&str]) -> Self {
        Self { typed: lines.iter().map(ToString::to_string).collect(), screen: Vec::new() }
    }

    fn shows(&self, text: &str) -> bool {
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        flat(&self.screen.join("\n")).contains(&flat(text))
    }
}

impl Terminal for Script {
    fn say(&mut self, text: &str) {
        self.screen.extend(wrapped(text));
    }

    fn ask(&mut self, prompt: &str) -> Option<String> {
        let typed = self.typed.pop_front();
        self.screen.push(format!("{prompt} {}", typed.as_deref().unwrap_or("(end)")));
        typed
    }
}

fn world_of(name: &str, records: &[&str]) -> FakeWorld {
    let mut world = FakeWorld { comes_back: Some(true), ..FakeWorld::default() };
    world.names.insert(name.to_owned(), Ok(records.iter().map(|ip| ip.parse().unwrap()).collect()));
    world
}

#[test]
fn mistakes_are_corrected_on_the_way() {
    let world = world_of("hearth.family", &["198.41.0.4"]);
    let mut script = Script::of(&[
        "my family",
        "Hearth.Family",
        "9",
        "1",
        "kim@family",
        "kim@hearth.family",
        "Kim!",
        "kim",
        "/srv/hearth",
    ]);
    let answers = Dialog::new(&world, &mut script, Given::default(), Given::default()).run();
    let answers = answers.unwrap_or_else(|stop| panic!("{stop:?}\n{}", script.screen.join("\n")));
    assert_eq!(
        (answers.name.as_str(), answers.host.as_str(), answers.reach),
        ("hearth.family", "hearth.family", Reach::Internet)
    );
    assert_eq!((answers.admin.as_str(), answers.data_dir.as_path()), ("kim", Path::new("/srv/hearth")));
    assert_eq!(answers.email.as_deref(), Some("kim@hearth.family"));
    for text in [
        "cannot be a server name",
        "never be changed",
        "Expected 1, 2 or 3",
        "is not an e-mail",
        "which is this machine",
    ] {
        assert!(script.shows(text), "{text}:\n{}", script.screen.join("\n"));
    }
    assert!(script.screen.iter().all(|line| line.chars().count() <= 79), "{:#?}", script.screen);
}

#[test]
fn a_name_with_a_web_site_leads_to_another_host() {
    let mut world = world_of("hearth.family", &["198.41.0.99"]);
    world.names.insert("matrix.hearth.family".to_owned(), Ok(world.own.clone()));
    let mut script = Script::of(&["hearth.family", "1", "", "matrix.hearth.family", "", "kim", ""]);
    let answers = Dialog::new(&world, &mut script, Given::default(), Given::default()).run().unwrap();
    assert_eq!((answers.host.as_str(), answers.name_is_elsewhere), ("matrix.hearth.family", true));
    assert!(script.shows("which is another machine") && script.shows("/.well-known/matrix/server"));
}

#[test]
fn flags_answer_everything() {
    let given = Given {
        name: Some("family.home.arpa".to_owned()),
        reach: Some(Reach::Lan),
        admin: Some("kim".to_owned()),
        data_dir: Some("/srv/hearth".into()),
        yes: true,
        ..Given::default()
    };
    let world = FakeWorld::default();
    let mut script = Script::default();
    let answers = Dialog::new(&world, &mut script, given.clone(), Given::default()).run().unwrap();
    assert_eq!((answers.reach, answers.port, answers.email), (Reach::Lan, 8008, None));

    let stop = |given: Given| Dialog::new(&world, &mut Script::default(), given, Given::default()).run().unwrap_err();
    assert_eq!(stop(Given { admin: None, ..given.clone() }), Stop::Missing("--admin"));
    assert_eq!(stop(Given { name: Some("a b".to_owned()), ..given.clone() }), Stop::Wrong);
    assert_eq!(stop(Given { reach: Some(Reach::Internet), ..given.clone() }), Stop::Wrong, "no name of the internet");
    let name = Some("hearth.family".to_owned());
    let internet = Given { reach: Some(Reach::Internet), name, ..given };
    assert_eq!(stop(internet.clone()), Stop::Wrong, "the DNS cannot be asked");
    let anyway = Given { anyway: true, ..internet };
    Dialog::new(&world, &mut Script::default(), anyway, Given::default()).run().unwrap();
}

#[test]
fn what_is_set_is_kept_with_enter() {
    let old = Given {
        name: Some("pi.home.arpa".to_owned()),
        reach: Some(Reach::Lan),
        admin: Some("kim".to_owned()),
        data_dir: Some("/srv/hearth".into()),
        port: Some(8123),
        ..Given::default()
    };
    let world = FakeWorld { stored_name: Some("pi.home.arpa".to_owned()), ..FakeWorld::default() };
    let mut script = Script::of(&["", "", "sam", ""]);
    let answers = Dialog::new(&world, &mut script, Given::default(), old).run().unwrap();
    assert_eq!((answers.name.as_str(), answers.admin.as_str(), answers.port), ("pi.home.arpa", "sam", 8123));
    assert!(script.shows("[pi.home.arpa] >"));
}

#[test]
fn the_name_of_other_data_is_refused() {
    let world = FakeWorld { stored_name: Some("old.example".to_owned()), ..FakeWorld::default() };
    let mut script = Script::of(&["new.example"]);
    assert_eq!(Dialog::new(&world, &mut script, Given::default(), Given::default()).run(), Err(Stop::Ended));
    assert!(script.shows("a server never changes its name"));
}

#[test]
fn a_wrong_clock_stops_unless_told_otherwise() {
    let mut world = world_of("hearth.family", &["198.41.0.4"]);
    world.time = Some(CLOCK_MS_MIN + 3_600_000);
    let lines = ["hearth.family", "1", "", "kim", "/srv/hearth"];
    let mut script = Script::of(&[&lines[..], &["maybe", "n"]].concat());
    assert_eq!(Dialog::new(&world, &mut script, Given::default(), Given::default()).run(), Err(Stop::Ended));
    assert!(script.shows("slow") && script.shows("Please type y or n."));
    let mut script = Script::of(&[&lines[..], &["y"]].concat());
    Dialog::new(&world, &mut script, Given::default(), Given::default()).run().unwrap();
}

#[test]
fn a_router_that_forwards_ports_is_offered() {
    let mut world = world_of("hearth.family", &["198.41.0.4"]);
    world.own = vec!["192.168.1.20".parse().unwrap()];
    world.comes_back = Some(false);
    let external = "198.41.0.4".parse().unwrap();
    world.router = Some(RouterView { external, protocol: "PCP" });
    let lines = ["hearth.family", "1", "", "", "kim", "/srv/hearth"];
    let mut script = Script::of(&lines);
    let answers = Dialog::new(&world, &mut script, Given::default(), Given::default()).run().unwrap();
    assert!(answers.forward_ports && answers.public_address == Some(external), "{answers:?}");
    assert!(script.shows("(PCP)") && !script.shows("did not arrive"), "{:#?}", script.screen);
    let mut script = Script::of(&["hearth.family", "1", "n", "", "kim", "/srv/hearth"]);
    let answers = Dialog::new(&world, &mut script, Given::default(), Given::default()).run().unwrap();
    assert!(!answers.forward_ports && script.shows("did not arrive"), "{:#?}", script.screen);
    world.router = Some(RouterView { external: "100.70.0.1".parse().unwrap(), protocol: "UPnP" });
    let mut script = Script::of(&["hearth.family", "1"]);
    assert_eq!(Dialog::new(&world, &mut script, Given::default(), Given::default()).run(), Err(Stop::Ended));
    assert!(script.shows("shares one IPv4 address"), "{:#?}", script.screen);
}
