//! Credentials for the built-in relay, against a real one.

use std::sync::Arc;
use std::time::Duration;

use hearth_base::Seams;
use hearth_base::clock::ManualClock;
use hearth_base::config::{Config, Passwords};
use hearth_base::random::{Random, SeededRandom};
use hearth_core::rates::Rates;
use hearth_rooms::RoomCore;
use hearth_store::{Options, Store};
use hearth_turn::probe::{Probe, ProbeError, Report, probe};
use hearth_turn::{Settings, Transport, start};
use ruma::{UserId, user_id};

use super::{Calls, OwnRelay};
use crate::accounts::{Accounts, Authority, Flag, NewAccount};
use crate::devices::Devices;

struct World {
    clock: Arc<ManualClock>,
    accounts: Accounts,
    calls: Calls,
    folder: tempfile::TempDir,
}

fn alice() -> &'static UserId {
    user_id!("@alice:localhost")
}

fn entropy(random: &Arc<dyn Random>) -> hearth_turn::settings::Entropy {
    let random = Arc::clone(random);
    Arc::new(move |bytes| random.fill(bytes))
}

impl World {
    async fn new() -> Self {
        let world = Self::open(tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(1_700_000_000_000)));
        let new = NewAccount {
            localpart: Some("alice".to_owned()),
            displayname: None,
            password: Some("correct horse".to_owned()),
            admin: false,
            authority: Authority::Admin,
        };
        world.accounts.register(new, None).await.unwrap();
        world
    }

    fn open(folder: tempfile::TempDir, clock: Arc<ManualClock>) -> Self {
        let seams = Seams { clock: clock.clone(), random: Arc::new(SeededRandom::new(7)) };
        let config = Arc::new(Config { passwords: Passwords::cheap(), ..Config::default() });
        let store = Store::open(Options::sqlite(folder.path().join("hearth.db")), seams.clone()).unwrap();
        let core = RoomCore::new(store, seams, config.clone()).unwrap();
        let rates = Arc::new(Rates::new(config, clock.clone()));
        let accounts = Accounts::new(core.clone(), Arc::new(Devices::new(core.clone())), rates).unwrap();
        Self { clock, accounts, calls: Calls::new(core), folder }
    }

    fn start_relay(&self) {
        let mut settings = Settings::new();
        settings.udp = vec!["127.0.0.1:0".parse().unwrap()];
        settings.threads = 1;
        settings.public.v4 = Some([127, 0, 0, 1].into());
        let running = start(settings, self.calls.authority(), entropy(&self.calls.core.seams.random)).unwrap();
        self.calls.runs(OwnRelay { running: Arc::new(running), uris: vec!["turn:localhost:3478".to_owned()] });
        let own = self.calls.own().unwrap();
        while !own.is_reachable() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn port(&self) -> u16 {
        self.calls.own().unwrap().running.udp_addresses()[0].port()
    }

    async fn try_as(&self, credentials: hearth_turn::Credentials) -> Result<Report, ProbeError> {
        let wanted = Probe {
            host: "127.0.0.1".to_owned(),
            port: self.port(),
            transport: Transport::Udp,
            tls: None,
            credentials: [credentials.clone(), credentials],
            wait: Duration::from_secs(2),
        };
        probe(&wanted).await
    }
}

#[tokio::test]
async fn credentials_open_the_relay_for_as_long_as_they_say() {
    let world = World::new().await;
    world.start_relay();
    let lifetime_ms = world.calls.core.config.turn.credential_lifetime_ms;
    let credentials = world.calls.own_credentials(alice());
    assert_eq!(world.try_as(credentials.clone()).await.unwrap().returned, 50);
    // The secret has rotated by then; the previous one is still valid.
    world.clock.advance(lifetime_ms - 2_000);
    assert_ne!(world.calls.own_credentials(alice()).password, credentials.password);
    assert_eq!(world.try_as(credentials.clone()).await.unwrap().returned, 50);
    world.clock.advance(2_000);
    assert!(matches!(world.try_as(credentials).await, Err(ProbeError::Refused { code: 401, .. })));
}

#[tokio::test]
async fn no_one_keeps_the_secret_and_it_survives_a_restart() {
    let world = World::new().await;
    let before = world.calls.own_credentials(alice());
    let World { clock, folder, calls, accounts } = world;
    calls.core.store.close();
    drop((calls, accounts));
    let again = World::open(folder, clock);
    assert_eq!(again.calls.own_credentials(alice()), before);
    again.calls.core.store.close();
}

#[tokio::test]
async fn who_is_locked_loses_the_relay_and_gets_it_back() {
    let world = World::new().await;
    world.start_relay();
    let account = world.accounts.account(alice()).await.unwrap().user;
    let credentials = world.calls.own_credentials(alice());
    let held = hold(&world, &credentials).await;
    let own = world.calls.own().unwrap();
    world.calls.end_revoked().await.unwrap();
    assert_eq!(own.running.allocation_count(), 1, "nothing is wrong with the account");
    world.accounts.set_flag(account, Flag::Locked, true, hearth_core::also::nothing()).await.unwrap();
    world.calls.end_revoked().await.unwrap();
    assert_eq!(own.running.allocation_count(), 0);
    assert!(matches!(world.try_as(credentials.clone()).await, Err(ProbeError::Refused { code: 401, .. })));
    world.accounts.set_flag(account, Flag::Locked, false, hearth_core::also::nothing()).await.unwrap();
    world.calls.end_revoked().await.unwrap();
    assert!(world.try_as(credentials).await.is_ok());
    drop(held);
}

#[tokio::test]
async fn who_is_locked_between_calls_begins_none() {
    let world = World::new().await;
    world.start_relay();
    let account = world.accounts.account(alice()).await.unwrap().user;
    let credentials = world.calls.own_credentials(alice());
    world.accounts.set_flag(account, Flag::Locked, true, hearth_core::also::nothing()).await.unwrap();
    world.calls.end_revoked().await.unwrap();
    assert!(matches!(world.try_as(credentials).await, Err(ProbeError::Refused { code: 401, .. })));
}

/// Makes an allocation and keeps it open.
async fn hold(world: &World, credentials: &hearth_turn::Credentials) -> std::net::UdpSocket {
    use hearth_turn::stun::integrity::Integrity;
    use hearth_turn::stun::{Algorithm, Class, Key, Message, Method, Writer, attribute};
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", world.port())).unwrap();
    let ask = |nonce: Option<&[u8]>| {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, Method::ALLOCATE, Class::Request, [nonce.is_some().into(); 12]);
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        if let Some(nonce) = nonce {
            writer.put(attribute::USERNAME, credentials.username.as_bytes());
            writer.put(attribute::REALM, b"hearth").put(attribute::NONCE, nonce);
            let key = Key::long_term(Algorithm::Md5, &credentials.username, "hearth", &credentials.password);
            writer.put_integrity(Integrity::Sha1, &key);
        }
        socket.send(&out).unwrap();
        let mut buffer = [0; 512];
        let bytes = socket.recv(&mut buffer).unwrap();
        buffer[..bytes].to_vec()
    };
    let challenge = ask(None);
    let nonce = Message::parse(&challenge).unwrap().get(attribute::NONCE).unwrap().value.to_vec();
    assert_eq!(Message::parse(&ask(Some(&nonce))).unwrap().class(), Class::Success);
    socket
}
