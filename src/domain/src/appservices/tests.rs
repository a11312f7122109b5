//! Malformed registrations, namespaces, and asserted identities.

use std::sync::Arc;

use hearth_base::clock::ManualClock;
use hearth_base::config::{Config, Passwords, RegistrationMode};
use hearth_base::random::SeededRandom;
use hearth_base::{Error, Reason, Seams, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::directory::DirectoryQuery;
use hearth_store::{Options, Store};
use hearth_users::accounts::{Authority, DeviceRequest, NewAccount};
use hearth_users::uia::{self, UiaRequest};
use ruma::api::client::room::create_room::v3 as create_room;
use ruma::directory::RoomNetwork;
use ruma::{RoomAliasId, ServerName, UserId};
use tempfile::TempDir;

use super::{AssertedIdentity, Registrations};
use crate::Domain;

const IRC: &str = r##"
id: irc
url: http://127.0.0.1:9999/
as_token: secret_of_irc
hs_token: other_secret
sender_localpart: ircbot
rate_limited: false
de.sorunome.msc2409.push_ephemeral: true
receive_ephemeral: true
io.unknown: [1, {2: 3}]
namespaces:
  users: [{regex: '@irc_.*:home\.example', exclusive: true, group_id: "+x:y"}]
  aliases:
    - {exclusive: true, regex: '#irc_.*'}
  rooms:
"##;

const PUPPETS: &str = r"
id: puppets
url: null
as_token: secret_of_puppets
hs_token: other_secret
sender_localpart: puppeteer
namespaces:
  users: [{regex: '@.*:home\.example$', exclusive: false}]
";

fn server() -> &'static ServerName {
    <&ServerName>::try_from("home.example").expect("a name")
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<Registrations, String> {
    Registrations::load(Some(folder(files).path()), &[], server()).map_err(|error| error.to_string())
}

fn reason<T>(result: Result<T, Error>) -> Reason {
    result.map(drop).expect_err("a refusal").reason().expect("a refusal")
}

fn user(id: &str) -> ruma::OwnedUserId {
    UserId::parse(id).expect("an id")
}

#[test]
fn what_a_registration_says_is_kept() {
    let all = load(&[("a.yaml", IRC), ("b.yml", PUPPETS), ("notes.txt", "no YAML: [")]).expect("registrations");
    let irc = all.by_token("secret_of_irc").expect("the token is known");
    assert_eq!((irc.id.as_str(), irc.sender.as_str()), ("irc", "@ircbot:home.example"));
    assert_eq!(irc.url.as_ref().map(|url| url.as_str()), Some("http://127.0.0.1:9999"));
    assert!(irc.receive_ephemeral && !irc.rate_limited);
    let puppets = all.by_token("secret_of_puppets").expect("the token is known");
    assert!(puppets.url.is_none() && puppets.rate_limited && !puppets.receive_ephemeral);
    assert!(!format!("{all:?}").contains("secret"), "tokens must not get into a log");
    for token in ["", "secret_of_ir", "secret_of_irc ", "other_secret", &"x".repeat(100_000)] {
        assert!(all.by_token(token).is_none(), "{token:.20}");
    }
    assert!(Registrations::load(None, &[], server()).expect("none").is_empty());
    assert!(load(&[]).expect("none").is_empty());
}

#[test]
fn a_malformed_registration_is_refused_with_its_line() {
    let without = |field: &str| {
        let lines: Vec<&str> = IRC.lines().filter(|line| !line.starts_with(field)).collect();
        lines.join("\n")
    };
    let with = |from: &str, to: &str| {
        assert!(IRC.contains(from), "{from}");
        IRC.replace(from, to)
    };
    let many =
        format!("  rooms: [{}]\n", "{exclusive: false, regex: a}, ".repeat(limits::APPSERVICE_NAMESPACES_MAX + 1));
    let table = [
        (without("id:"), "missing field `id`"),
        (without("url:"), "`url: null`"),
        (without("as_token:"), "missing field `as_token`"),
        (without("hs_token:"), "missing field `hs_token`"),
        (without("sender_localpart:"), "missing field `sender_localpart`"),
        (IRC.split("namespaces:").next().expect("a part").to_owned(), "`namespaces: {}`"),
        (with("as_token: secret_of_irc", "as_token: [12]"), "line 4"),
        (with("as_token: secret_of_irc", "as_token: ''"), "line 4"),
        (with("secret_of_irc", &"x".repeat(limits::APPSERVICE_TOKEN_BYTES_MAX + 1)), "line 4"),
        (with("secret_of_irc", "'two words'"), "line 4"),
        (with("id: irc", "id: [irc]"), "line 2"),
        (with("id: irc", "id: irc\nid: irc"), "duplicate field `id`"),
        (with("http://127.0.0.1:9999/", "localhost"), "line 3"),
        (with("http://127.0.0.1:9999/", "9999"), "line 3"),
        (with("ircbot", "IRC Bot"), "line 6"),
        (with("rate_limited: false", "rate_limited: perhaps"), "line 7"),
        (with("exclusive: true, group_id", "group_id"), "missing field `exclusive`"),
        (with("regex: '#irc_.*'", "pattern: '#irc_.*'"), "missing field `regex`"),
        (with("'#irc_.*'", "'#irc_('"), "line 14"),
        (with("'#irc_.*'", "'#irc_)|('"), "line 14"),
        (with("'#irc_.*'", "'#(?!irc_)'"), "line 14"),
        (with("'#irc_.*'", r"'#irc_(.)\1'"), "line 14"),
        (with("#irc_.*", ".{999}{999}{999}"), "line 14"),
        (with("#irc_.*", &"(".repeat(1_000)), "line 14"),
        (with("#irc_.*", &"x".repeat(limits::NAMESPACE_REGEX_BYTES_MAX + 1)), "line 14"),
        (with("  rooms:\n", &many), "the most"),
        (with("  rooms:\n", "  rooms: {}\n"), "line 15"),
        (with("namespaces:", "namespaces: 7\nx:"), "line 11"),
        (with("namespaces:", "  namespaces:"), "line 11"),
        (String::new(), "a.yaml"),
        ("- id: irc\n".to_owned(), "line 1"),
        ("\tid: irc".to_owned(), "line 1"),
        (format!("{IRC}---\n{IRC}"), "more than one document"),
        ("id: &a [*a]".to_owned(), "a.yaml"),
        ("[".repeat(10_000), "a.yaml"),
        ("#".repeat(300_000), "this is no registration"),
    ];
    for (text, wanted) in table {
        let complaint = load(&[("a.yaml", &text)]).map(drop).expect_err(wanted);
        assert!(complaint.contains("a.yaml: ") && complaint.contains(wanted), "{wanted}: {complaint}");
        assert!(!complaint.contains("secret"), "{complaint}");
    }
}

#[test]
fn what_is_there_twice_is_refused_and_all_complaints_come_at_once() {
    let id = PUPPETS.replace("id: puppets", "id: irc");
    let complaint = load(&[("a.yaml", IRC), ("b.yaml", &id)]).expect_err("the same id");
    assert!(
        complaint.contains("b.yaml: the id \"irc\" at line 2") && complaint.contains("a.yaml at line 2"),
        "{complaint}"
    );
    let token = PUPPETS.replace("secret_of_puppets", "secret_of_irc");
    let complaint = load(&[("a.yaml", IRC), ("b.yaml", &token)]).expect_err("the same token");
    assert!(complaint.contains("b.yaml: the as_token at line 4"), "{complaint}");
    let complaint = load(&[("a.yaml", "id: 1"), ("b.yaml", "id: 2")]).expect_err("two complaints");
    assert!(complaint.contains("a.yaml: ") && complaint.contains("b.yaml: "), "{complaint}");

    let folder = folder(&[]);
    std::fs::write(folder.path().join("a.yaml"), b"id: a\n\n\xFF").expect("a file");
    let complaint = Registrations::load(Some(folder.path()), &[], server()).expect_err("not UTF-8").to_string();
    assert!(complaint.contains("line 3 is not UTF-8"), "{complaint}");
    assert!(Registrations::load(Some(&folder.path().join("missing")), &[], server()).is_err());
}

#[test]
fn names_are_for_who_they_belong_to() {
    let all = load(&[("a.yaml", IRC), ("b.yaml", PUPPETS)]).expect("registrations");
    let (irc, puppets) = (all.by_token("secret_of_irc"), all.by_token("secret_of_puppets"));
    let (irc, puppets) = (irc.as_deref(), puppets.as_deref());
    let users = [
        ("@irc_bob:home.example", [false, true, false]),
        ("@ircbot:home.example", [false, true, false]),
        ("@bob:home.example", [true, false, true]),
        // A pattern is anchored at the start of the ID.
        ("@x@irc_bob:home.example", [true, false, true]),
        ("@puppeteer:home.example", [false, false, true]),
    ];
    for (id, allowed) in users {
        let Ok(id) = UserId::parse(id) else { continue };
        let found = [None, irc, puppets].map(|by| all.check_user(&id, by).is_ok());
        assert_eq!(found, allowed, "{id}");
    }
    for (id, allowed) in [("#irc_x:home.example", [true, false]), ("#x:home.example", [false, true])] {
        let id = RoomAliasId::parse(id).expect("an alias");
        assert_eq!([irc, None].map(|by| all.check_alias(&id, by).is_ok()), allowed, "{id}");
    }
    assert_eq!(reason(all.check_user(&user("@irc_bob:home.example"), None)), Reason::Exclusive);
}

struct World {
    domain: Arc<Domain>,
    _folders: [TempDir; 2],
}

impl World {
    fn new() -> Self {
        let (data, services) =
            (tempfile::tempdir().expect("a folder"), folder(&[("a.yaml", IRC), ("b.yaml", PUPPETS)]));
        let seams =
            Seams { clock: Arc::new(ManualClock::at(1_700_000_000_000)), random: Arc::new(SeededRandom::new(7)) };
        let mut config = Config::default();
        config.server.name = "home.example".to_owned();
        config.server.data_dir = data.path().to_owned();
        config.appservices.folder = Some(services.path().to_owned());
        config.passwords = Passwords::cheap();
        config.registration.mode = RegistrationMode::Open;
        let store = Store::open(Options::sqlite(data.path().join("hearth.db")), seams.clone()).expect("a store");
        let core = RoomCore::new(store, seams, Arc::new(config)).expect("a core");
        Self {
            domain: Domain::new(core, Arc::new(hearth_core::ports::Nowhere)).expect("a domain"),
            _folders: [data, services],
        }
    }

    async fn asks(&self, token: &str, user: Option<&str>, device: Option<&str>) -> Result<Requester, Error> {
        let service = self.domain.appservices.by_token(token).expect("the token is known");
        let guise = AssertedIdentity { user: user.map(str::to_owned), device: device.map(str::to_owned) };
        self.domain.appservices.requester(service, guise).await
    }

    async fn registers(&self, token: &str, name: &str) -> Result<(), Error> {
        let service = self.domain.appservices.by_token(token).expect("the token is known");
        self.domain.appservices.register(&service, Some(name.to_owned()), None).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_service_is_itself_or_one_of_its_users() {
    let world = World::new();
    let sender = world.asks("secret_of_irc", None, None).await.expect("the sender is there");
    assert_eq!(sender.user_id, "@ircbot:home.example");
    assert!(!sender.has_device() && sender.is_unlimited() && sender.device.0 < 0);
    assert!(sender.must_have_device().is_err());

    let bob = Some("@irc_bob:home.example");
    assert_eq!(reason(world.asks("secret_of_irc", bob, None).await), Reason::Forbidden);
    world.registers("secret_of_irc", "irc_bob").await.expect("registered");
    assert_eq!(world.asks("secret_of_irc", bob, None).await.expect("bob").user_id, "@irc_bob:home.example");
    assert_eq!(reason(world.registers("secret_of_irc", "irc_bob").await), Reason::UserInUse);
    assert_eq!(reason(world.registers("secret_of_irc", "bob").await), Reason::Exclusive);
    assert_eq!(reason(world.registers("secret_of_puppets", "irc_eve").await), Reason::Exclusive);

    for stranger in ["@puppeteer:home.example", "@irc_bob:elsewhere.example", "@irc_bob:home.examples"] {
        assert_eq!(reason(world.asks("secret_of_irc", Some(stranger), None).await), Reason::Forbidden, "{stranger}");
    }
    assert_eq!(reason(world.asks("secret_of_irc", Some("irc_bob"), None).await), Reason::InvalidParam);
    let puppet = world.asks("secret_of_puppets", bob, None).await.expect("not exclusive, and so allowed");
    assert!(!puppet.is_unlimited());
    assert!(world.asks("secret_of_puppets", None, None).await.expect("the sender").is_unlimited());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_acts_on_devices_that_there_are() {
    let world = World::new();
    world.registers("secret_of_irc", "irc_bob").await.expect("registered");
    let (appservices, bob) = (&world.domain.appservices, Some("@irc_bob:home.example"));
    let service = appservices.by_token("secret_of_irc").expect("the token is known");
    assert_eq!(reason(world.asks("secret_of_irc", bob, Some("PHONE")).await), Reason::UnknownDevice);
    let device = || DeviceRequest { id: Some("PHONE".into()), ..DeviceRequest::default() };
    appservices.log_in(&service, "irc_bob", device()).await.expect("logged in");
    let phone = world.asks("secret_of_irc", bob, Some("PHONE")).await.expect("the device is there");
    assert!(phone.has_device() && phone.must_have_device().is_ok());
    for odd in ["", "phone", "PHONE\0", &"x".repeat(10_000)] {
        assert_eq!(reason(world.asks("secret_of_irc", bob, Some(odd)).await), Reason::UnknownDevice, "{odd:.20}");
    }
    assert_eq!(reason(appservices.log_in(&service, "puppeteer", device()).await), Reason::Exclusive);
    assert_eq!(reason(appservices.log_in(&service, "irc_eve", device()).await), Reason::Forbidden);
    assert_eq!(reason(appservices.log_in(&service, "@irc_bob:elsewhere.example", device()).await), Reason::Forbidden);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_token_is_a_proof_only_where_the_specification_says_so() {
    let world = World::new();
    let sender = world.asks("secret_of_irc", None, None).await.expect("the sender is there");
    let (proofs, flows) = (&world.domain.uia, uia::PASSWORD);
    let request =
        UiaRequest { requester: Some(&sender), client: None, target: "POST /x", body: b"{}", auth: None, flows };
    proofs.check_unless_service(request).await.expect("deleting devices");
    assert_eq!(reason(proofs.check(request).await), Reason::Uia);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_keep_out_of_exclusive_namespaces() {
    let world = World::new();
    let accounts = &world.domain.accounts;
    let register = async |name: &str| {
        let new = NewAccount {
            localpart: Some(name.to_owned()),
            displayname: None,
            password: Some("correct horse".to_owned()),
            admin: false,
            authority: Authority::Anyone,
        };
        accounts.register(new, None).await
    };
    assert_eq!(reason(register("irc_eve").await), Reason::Exclusive);
    assert_eq!(reason(register("ircbot").await), Reason::Exclusive);
    assert_eq!(reason(accounts.check_username("irc_eve").await), Reason::Exclusive);
    register("eve").await.expect("a free name");
    let eve = world.asks("secret_of_puppets", Some("@eve:home.example"), None).await.expect("a puppet");
    assert_eq!(eve.user_id, "@eve:home.example");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aliases_and_networks_are_the_services_own() {
    let world = World::new();
    let (rooms, actions) = (&world.domain.rooms, &world.domain.actions);
    let named = |name: &str| {
        let mut wanted = create_room::Request::new();
        wanted.room_alias_name = Some(name.to_owned());
        wanted.preset = Some(create_room::RoomPreset::PublicChat);
        wanted
    };
    let bot = world.asks("secret_of_irc", None, None).await.expect("the sender");
    let puppeteer = world.asks("secret_of_puppets", None, None).await.expect("the sender");
    assert_eq!(reason(actions.create_room(&bot, named("kitchen")).await), Reason::Exclusive);
    assert_eq!(reason(actions.create_room(&puppeteer, named("irc_x")).await), Reason::Exclusive);
    let room = actions.create_room(&bot, named("irc_x")).await.expect("its own name");
    let alias = RoomAliasId::parse("#irc_x:home.example").expect("an alias");
    let person = Requester { appservice: None, ..bot.clone() };
    assert_eq!(reason(rooms.add_alias(&person, alias.clone(), room.clone()).await), Reason::Exclusive);
    assert_eq!(reason(rooms.remove_alias(&puppeteer, alias.clone()).await), Reason::Exclusive);
    rooms.remove_alias(&bot, alias).await.expect("its own name");

    let appservices = &world.domain.appservices;
    let irc = appservices.by_token("secret_of_irc").expect("the token is known");
    let listed = async |network| {
        let question = DirectoryQuery { network, ..DirectoryQuery::default() };
        hearth_rooms::LocalRooms::of(rooms).directory(question).await.expect("a directory").total
    };
    let of = |name: &str| RoomNetwork::ThirdParty(name.to_owned());
    for (public, total) in [(true, 1), (true, 1), (false, 0)] {
        appservices.list_room(&irc, "libera".to_owned(), room.clone(), public).await.expect("listed");
        assert_eq!((listed(of("irc|libera")).await, listed(RoomNetwork::All).await), (total, total));
        assert_eq!((listed(of("irc|oftc")).await, listed(of("irc")).await), (0, 0));
        assert_eq!(listed(RoomNetwork::Matrix).await, 0);
    }
    let nowhere = ruma::RoomId::parse("!nowhere:home.example").expect("an id");
    assert_eq!(reason(appservices.list_room(&irc, "libera".to_owned(), nowhere, true).await), Reason::NotFound);
    let long = "x".repeat(limits::ID_BYTES_MAX + 1);
    assert_eq!(reason(appservices.list_room(&irc, long, room, true).await), Reason::InvalidParam);
}
