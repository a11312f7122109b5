//! Authentication: the error codes, and what unauthenticated clients get.

use super::*;
use crate::limits::{AMPLIFICATION_MAX, NONCE_S, UNAUTHENTICATED_BURST};

const CLIENT: &str = "192.0.2.1:5000";

fn unsigned(method: Method, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    fill(&mut Writer::new(&mut out, method, Class::Request, [3; 12]));
    out
}

#[test]
fn the_first_request_is_challenged() {
    let mut bench = Bench::new();
    let packet = unsigned(Method::ALLOCATE, |writer| {
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    let answer = bench.give(&five_tuple(CLIENT), &packet);
    assert_eq!(answer.code, 401);
    assert_eq!(answer.message().get(attribute::REALM).unwrap().value, REALM.as_bytes());
    bench.nonce = answer.message().get(attribute::NONCE).unwrap().value.to_vec();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
}

#[test]
fn a_request_that_leaves_space_is_offered_sha_256() {
    let mut bench = Bench::new();
    let packet = unsigned(Method::ALLOCATE, |writer| {
        writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).put(0x8022, b"a client").put_fingerprint();
    });
    let answer = bench.give(&five_tuple(CLIENT), &packet);
    let message = answer.message();
    assert!(message.has_fingerprint());
    assert_eq!(message.get(attribute::PASSWORD_ALGORITHMS).unwrap().value, [0, 2, 0, 0, 0, 1, 0, 0]);
    bench.nonce = message.get(attribute::NONCE).unwrap().value.to_vec();
    (bench.algorithm, bench.integrity) = (Algorithm::Sha256, Integrity::Sha256);
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
    // Older clients ignore the offer.
    (bench.algorithm, bench.integrity) = (Algorithm::Md5, Integrity::Sha1);
    assert_eq!(bench.allocate(&five_tuple("192.0.2.1:5001")).code, 0);
}

#[test]
fn a_changed_offer_is_refused() {
    let mut bench = Bench::new();
    bench.nonce = bench.shared.nonces.issue(bench.now_ms, "192.0.2.1".parse().unwrap(), true);
    for (offered, chosen) in
        [(Some([0, 1, 0, 0]), Some([0, 1, 0, 0])), (None, Some([0, 1, 0, 0])), (Some([0, 1, 0, 0]), None)]
    {
        let answer = bench.ask(&five_tuple(CLIENT), Method::ALLOCATE, |writer| {
            offered.iter().for_each(|it| _ = writer.put(attribute::PASSWORD_ALGORITHMS, it));
            chosen.iter().for_each(|it| _ = writer.put(attribute::PASSWORD_ALGORITHM, it));
        });
        assert_eq!(answer.code, 400);
    }
}

#[test]
fn wrong_passwords_and_unknown_users_get_401_and_not_400() {
    let mut bench = Bench::new();
    bench.password = "wrong".into();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 401);
    for username in ["5000:@mallory:example.org", "bob", "", "5000:", "\u{202e}", &"x".repeat(600)] {
        bench.username = username.into();
        assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 401, "{username:?}");
    }
    assert_eq!(bench.refused(Refusal::Credentials), 7);
    assert!(bench.sockets.asked.is_empty());
}

#[test]
fn credentials_expire() {
    let mut bench = Bench::new();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
    bench.auth.now_unix_s.store(4_999, Ordering::Relaxed);
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 600).code, 0);
    bench.auth.now_unix_s.store(5_000, Ordering::Relaxed);
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 600).code, 401);
}

#[test]
fn revoked_users_are_refused() {
    let mut bench = Bench::new();
    bench.auth.revoked.store(true, Ordering::Relaxed);
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 401);
}

#[test]
fn old_secrets_work_until_removed() {
    let mut bench = Bench::new();
    let (new, old): (Arc<[u8]>, Arc<[u8]>) = (Arc::from(&b"south"[..]), Arc::from(&b"north"[..]));
    *bench.auth.secrets.lock() = vec![Arc::clone(&new), old];
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
    *bench.auth.secrets.lock() = vec![new];
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 600).code, 401);
}

#[test]
fn stale_and_foreign_nonces_get_438_with_a_new_one() {
    let mut bench = Bench::new();
    bench.now_ms += u64::from(NONCE_S) * 1_000;
    let answer = bench.allocate(&five_tuple(CLIENT));
    assert_eq!(answer.code, 438);
    bench.nonce = answer.message().get(attribute::NONCE).unwrap().value.to_vec();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
    bench.nonce = b"made up".to_vec();
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 600).code, 438);
    // A wrong password is 401 even with a stale nonce.
    bench.password = "wrong".into();
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 600).code, 401);
}

#[test]
fn incomplete_credentials_are_400() {
    let mut bench = Bench::new();
    let key = Key::long_term(Algorithm::Md5, "a", REALM, "b");
    let kinds = [attribute::USERNAME, attribute::REALM, attribute::NONCE];
    for missing in kinds {
        let packet = unsigned(Method::REFRESH, |writer| {
            kinds.iter().filter(|kind| **kind != missing).for_each(|kind| _ = writer.put(*kind, b"text"));
            writer.put_integrity(Integrity::Sha1, &key);
        });
        assert_eq!(bench.give(&five_tuple(CLIENT), &packet).code, 400);
    }
    let hashed = unsigned(Method::REFRESH, |writer| {
        writer.put(attribute::USERHASH, &[0; 32]).put(attribute::REALM, b"hearth").put(attribute::NONCE, b"x");
        writer.put_integrity(Integrity::Sha1, &key);
    });
    assert_eq!(bench.give(&five_tuple(CLIENT), &hashed).code, 401);
}

#[test]
fn unknown_attributes_are_listed() {
    let mut bench = Bench::new();
    let answer = bench.ask(&five_tuple(CLIENT), Method::ALLOCATE, |writer| {
        writer.put(0x7001, b"").put(0x9001, b"").put(0x7002, b"x");
    });
    assert_eq!(answer.code, 420);
    assert_eq!(answer.message().get(attribute::UNKNOWN_ATTRIBUTES).unwrap().value, [0x70, 1, 0x70, 2]);
    let binding = unsigned(Method::BINDING, |writer| {
        writer.put(0x7001, b"");
    });
    assert_eq!(bench.give(&five_tuple(CLIENT), &binding).code, 420);
}

#[test]
fn binding_returns_the_client_address_without_credentials() {
    let mut bench = Bench::new();
    for client in [CLIENT, "[2001:db8::1]:5000"] {
        let packet = unsigned(Method::BINDING, |_| {});
        let answer = bench.give(&five_tuple(client), &packet);
        assert_eq!(answer.address(attribute::XOR_MAPPED_ADDRESS), client.parse::<SocketAddr>().unwrap());
        assert!(answer.bytes.len() * 10 <= packet.len() * 25, "amplifies more than 2.5 times");
    }
}

#[test]
fn unauthenticated_responses_are_at_most_three_times_as_long() {
    let methods = [Method::BINDING, Method::ALLOCATE, Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND];
    for method in methods {
        for extra in 0..30 {
            let mut bench = Bench::new();
            let packet = unsigned(method, |writer| {
                (0..extra).for_each(|_| _ = writer.put(0x7001, b""));
            });
            let answer = bench.give(&five_tuple("[2001:db8::1]:5000"), &packet);
            assert!(answer.bytes.len() <= packet.len() * AMPLIFICATION_MAX, "{method:?} with {extra}");
        }
    }
}

#[test]
fn unauthenticated_requests_are_rate_limited() {
    let mut bench = Bench::new();
    bench.allocate(&five_tuple("198.51.100.7:1"));
    let packet = unsigned(Method::BINDING, |_| {});
    let answered = (0..1_000).filter(|_| bench.raw(&five_tuple(CLIENT), &packet).0 == PacketOutcome::Reply).count();
    assert_eq!(answered, UNAUTHENTICATED_BURST as usize);
    assert_eq!(bench.refused(Refusal::RateLimited), 1_000 - u64::from(UNAUTHENTICATED_BURST));
    assert_eq!(bench.raw(&five_tuple("192.0.2.9:1"), &packet).0, PacketOutcome::Reply);
}

#[test]
fn clients_with_an_allocation_are_not_rate_limited() {
    let mut bench = Bench::new();
    assert_eq!(bench.allocate(&five_tuple(CLIENT)).code, 0);
    let packet = unsigned(Method::BINDING, |_| {});
    for port in 1..1_000 {
        bench.raw(&five_tuple(&format!("192.0.2.1:{port}")), &packet);
    }
    assert_eq!(bench.refresh(&five_tuple(CLIENT), 600).code, 0);
}
