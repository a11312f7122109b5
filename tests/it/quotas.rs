//! What one user may use up: refused with a Matrix error at the bound, and what others have stays.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Cluster, Person, v3};

const MIB: usize = 1024 * 1024;

/// Ten messages of 60 kB to devices that need not exist.
async fn floods(who: &Person, to: &str, n: usize) -> Answer {
    let devices: serde_json::Map<String, Value> =
        (0..10).map(|k| (format!("D{k}"), json!({"pad": "x".repeat(60_000)}))).collect();
    who.put(v3!("sendToDevice/org.example.flood/{}", n.to_string()), json!({"messages": {to: devices}})).await
}

async fn tells(who: &Person, to: &Person, txn: &str) -> Answer {
    let body = json!({"messages": {&to.id: {&to.device: {"key": txn}}}});
    who.put(v3!("sendToDevice/org.example.key/{}", txn), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_floods_a_server_that_is_away_is_refused_and_nothing_is_lost() {
    let mut cluster = Cluster::of(["a.example", "b.example"]).await;
    let (alice, mallory) = (cluster.worlds[0].register("alice").await, cluster.worlds[0].register("mallory").await);
    let bob = cluster.worlds[1].register("bob").await;
    cluster.network.part("a.example", "b.example");
    tells(&alice, &bob, "before").await.ok();
    tells(&mallory, &bob, "mine").await.ok();
    let mut taken = 0;
    let refused = loop {
        let answer = floods(&mallory, &bob.id, taken).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken * 600_000 < 9 * MIB, "there is no bound");
    };
    let refusal = refused.refused(429, "M_LIMIT_EXCEEDED");
    assert!(refusal["error"].as_str().is_some_and(|text| text.starts_with("b.example is away")), "{refusal}");
    assert!(refusal["retry_after_ms"].is_u64(), "{refusal}");
    assert!(taken * 600_000 > 7 * MIB && taken * 600_000 <= 8 * MIB, "{taken} requests");
    // Nothing but this is refused.
    tells(&mallory, &alice, "here").await.ok();
    tells(&alice, &bob, "after").await.ok();

    cluster.worlds[0].restart().await;
    let mut refused_again = false;
    // The queue is read beside the first requests.
    for n in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        refused_again |= floods(&mallory, &bob.id, 100 + n).await.status == 429;
    }
    assert!(refused_again, "a restart does not forget what waits");

    cluster.network.heal();
    // Any request of theirs ends the wait.
    bob.post(v3!("keys/query"), json!({"device_keys": {&alice.id: []}})).await.ok();
    let (mut since, mut keys) = (None::<String>, Vec::new());
    for _ in 0..60 {
        let syncing = bob.syncs().waiting_ms(500);
        let seen = match &since {
            Some(since) => syncing.since(since).await,
            None => syncing.await,
        };
        keys.extend(seen.to_device().iter().filter_map(|event| event["content"]["key"].as_str().map(str::to_owned)));
        since = Some(seen.next().to_owned());
        if keys.len() == 3 {
            break;
        }
    }
    assert_eq!(keys, ["before", "mine", "after"]);
    let mut accepted = false;
    for n in 0..60 {
        accepted = floods(&mallory, &bob.id, 200 + n).await.status == 200;
        if accepted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(accepted, "what is delivered makes room");
    cluster.ends().await;
}
