//! The task against an authority that the test plays, with the clock in its hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hearth_base::clock::ManualClock;
use hearth_base::config::{CertificateSource, Config, Listener, Tls};
use hearth_base::random::SeededRandom;
use hearth_base::{Millis, Seams};
use parking_lot::Mutex;
use rcgen_acme::{CertificateParams, CertificateSigningRequestParams, KeyPair, date_time_ymd};

use super::client::Client;
use super::*;

const DAY: Millis = 24 * 60 * 60 * 1_000;
const NOW: Millis = 20_000 * DAY;

/// What the authority does next.
#[derive(Clone)]
enum Next {
    Issue { days: u64 },
    IssueOther(&'static str),
    IssueExpired,
    IssueOtherKey,
    Junk,
    Fail(Failure),
    Hang,
}

struct Authority {
    next: Mutex<Next>,
    orders: AtomicUsize,
    clock: Arc<ManualClock>,
}

struct Playing(Arc<Authority>);

#[async_trait]
impl Client for Playing {
    async fn order(&self, names: &[String], request: &[u8]) -> std::result::Result<String, Failure> {
        self.0.orders.fetch_add(1, Ordering::Relaxed);
        let next = self.0.next.lock().clone();
        let now = Duration::from_millis(hearth_base::Clock::now_ms(&*self.0.clock));
        let mut names = names.to_vec();
        let mut days = 90;
        match next {
            Next::Fail(failure) => return Err(failure),
            Next::Hang => std::future::pending().await,
            Next::Junk => return Ok("no certificate".to_owned()),
            Next::IssueOther(name) => names = vec![name.to_owned()],
            Next::Issue { days: asked } => days = asked,
            Next::IssueExpired | Next::IssueOtherKey => {}
        }
        let authority_key = KeyPair::generate().unwrap();
        let authority = CertificateParams::default().self_signed(&authority_key).unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + now;
        params.not_after = match next {
            Next::IssueExpired => epoch + now,
            _ => epoch + now + Duration::from_millis(days * DAY),
        };
        let pem = if matches!(next, Next::IssueOtherKey) {
            params.signed_by(&KeyPair::generate().unwrap(), &authority, &authority_key).unwrap().pem()
        } else {
            let mut asked = CertificateSigningRequestParams::from_der(&request.to_vec().into()).unwrap();
            asked.params = params;
            asked.signed_by(&authority, &authority_key).unwrap().pem()
        };
        Ok(pem)
    }
}

struct Test {
    folder: tempfile::TempDir,
    authority: Arc<Authority>,
    acme: Acme,
}

impl Test {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let authority =
            Arc::new(Authority { next: Mutex::new(Next::Issue { days: 90 }), orders: AtomicUsize::new(0), clock });
        let folder = tempfile::tempdir().unwrap();
        let acme = opened(&folder, &authority, &["a.b", "c.d"]);
        Self { folder, authority, acme }
    }

    fn next(&self, next: Next) {
        *self.authority.next.lock() = next;
    }

    fn reopen(&mut self, names: &[&str]) {
        self.acme = opened(&self.folder, &self.authority, names);
    }

    fn advance(&self, ms: Millis) {
        self.authority.clock.advance(ms);
    }

    fn orders(&self) -> usize {
        self.authority.orders.load(Ordering::Relaxed)
    }

    fn print(&self) -> Option<String> {
        self.acme.current().map(|current| current.facts.fingerprint.clone())
    }
}

fn opened(folder: &tempfile::TempDir, authority: &Arc<Authority>, names: &[&str]) -> Acme {
    let tls = Some(Tls { source: CertificateSource::Acme, ..Tls::default() });
    let mut config = Config { listeners: vec![Listener { tls, ..Listener::default() }], ..Config::default() };
    config.acme.names = names.iter().map(|name| (*name).to_owned()).collect();
    let seams = Seams { clock: authority.clock.clone(), random: Arc::new(SeededRandom::new(1)) };
    let folder = Folder::new(folder.path().join("acme"));
    Acme::with(&config, seams, folder, Box::new(Playing(Arc::clone(authority))), Arc::default()).unwrap()
}

#[tokio::test]
async fn a_certificate_is_ordered_stored_and_renewed_at_two_thirds() {
    let mut test = Test::new();
    assert!(test.acme.current().is_none());
    test.acme.step().await;
    let first = test.print().unwrap();
    assert_eq!(test.acme.report().facts.unwrap().names, ["a.b", "c.d"]);
    assert!(test.acme.step().await > 59 * DAY);
    test.reopen(&["a.b", "c.d"]);
    assert_eq!(test.print().as_ref(), Some(&first));
    test.advance(59 * DAY);
    test.acme.step().await;
    assert_eq!((test.orders(), test.print().as_ref()), (1, Some(&first)));
    test.advance(DAY);
    test.acme.step().await;
    assert_eq!(test.orders(), 2);
    assert_ne!(test.print().unwrap(), first);
    // Another name in the configuration.
    test.reopen(&["a.b", "c.d", "e.f"]);
    assert_eq!(test.acme.report().missing, ["e.f"]);
    test.acme.step().await;
    assert!(test.acme.report().missing.is_empty());
}

#[tokio::test]
async fn nothing_unfit_replaces_a_good_certificate() {
    for (next, why) in [
        (Next::IssueOther("a.b"), "it is not for c.d"),
        (Next::IssueExpired, "it has expired"),
        (Next::IssueOtherKey, "not that of the certificate"),
        (Next::Junk, "no certificate"),
        (Next::Fail(Failure::refused("c.d was not proven: no such host")), "no such host"),
    ] {
        let mut test = Test::new();
        test.acme.step().await;
        let first = test.print();
        test.advance(61 * DAY);
        test.next(next);
        test.acme.step().await;
        let report = test.acme.report();
        assert!(report.failure.as_ref().is_some_and(|failure| failure.contains(why)), "{report:?}");
        assert_eq!((report.failures, test.print()), (1, first.clone()));
        assert!(test.acme.step().await > 10 * 60 * 1_000 - 1, "the authority is left alone");
        assert_eq!(test.orders(), 2);
        // Nor after a restart, and the reason is still known.
        test.reopen(&["a.b", "c.d"]);
        test.acme.step().await;
        assert_eq!((test.orders(), test.print()), (2, first.clone()));
        assert_eq!(test.acme.report().failure, report.failure);
        test.next(Next::Issue { days: 90 });
        test.advance(14 * 60 * 1_000);
        test.acme.step().await;
        assert_ne!(test.print(), first);
        assert_eq!(test.acme.report().failure, None);
    }
}

#[tokio::test]
async fn an_expired_certificate_stays_until_there_is_another() {
    let test = Test::new();
    test.acme.step().await;
    let first = test.print();
    test.next(Next::Fail(Failure::unreachable("connection refused")));
    for _ in 0..100 {
        test.advance(DAY);
        test.acme.step().await;
        assert_eq!(test.print(), first);
    }
    assert!(test.orders() > 30);
    assert_eq!(expiry_of(&test), Some(Nearness::Urgent));
}

fn expiry_of(test: &Test) -> Option<Nearness> {
    let facts = test.acme.report().facts?;
    crate::expiry::nearness(&facts, hearth_base::Clock::now_ms(&*test.authority.clock))
}

#[tokio::test]
async fn a_person_may_ask_again_within_the_limits() {
    let test = Test::new();
    test.next(Next::Fail(Failure::refused("no")));
    test.acme.step().await;
    let mut asked = 1;
    while test.acme.renew().is_ok() {
        test.acme.step().await;
        asked += 1;
    }
    assert_eq!((asked, test.orders()), (5, 5));
    assert!(test.acme.renew().unwrap_err().to_string().contains("60 minutes"));
}

#[tokio::test]
async fn an_order_that_a_crash_ended_counts() {
    let mut test = Test::new();
    test.next(Next::Hang);
    for _ in 0..20 {
        let killed = tokio::time::timeout(Duration::from_millis(5), test.acme.step());
        let _ = killed.await;
        test.reopen(&["a.b", "c.d"]);
    }
    assert_eq!(test.orders(), 1);
    assert!(test.acme.report().failure.unwrap().contains("stopped"));
}

#[tokio::test]
async fn nothing_is_ordered_that_cannot_be_noted() {
    let test = Test::new();
    std::fs::write(test.folder.path().join("acme"), "a file where the folder should be").unwrap();
    test.acme.step().await;
    assert_eq!(test.orders(), 0);
    assert!(test.acme.report().failure.unwrap().contains("noted"));
}
