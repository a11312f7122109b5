//! Rows that cannot be serialised as valid JSON: dropped one by one, reported, and without blocking others.

use hearth_base::Reason;
use hearth_store::tables::{destinations, outgoing};
use ruma::api::federation::transactions::edu::{DirectDeviceContent, Edu};
use serde_json::json;

use super::wire::Mood;
use super::{World, really, user};

/// Field values without a canonical JSON form.
const POISONS: [&str; 9] = [
    "1.5",
    "1.0",
    "1e300",
    "-0",
    "9007199254740992",
    "9223372036854775807",
    "18446744073709551616",
    r#""\ud800""#,
    // Invalid JSON: a row damaged on disk.
    "\"unfinished",
];

impl World {
    /// Inserts rows directly into the database, bypassing all checks.
    async fn smuggles(&self, to: &'static str, edus: Vec<String>) {
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let destination = destinations::intern(tx, to)?;
            for edu in &edus {
                let at = tx.position();
                let edu = outgoing::NewEdu { key: None, share: None, queued_ms: None, json: edu };
                outgoing::add_edu(tx.tx(), at, &[destination], edu)?;
            }
            Ok(())
        };
        really(self.core().store.write("test", write)).await.expect("smuggled");
    }

    fn numbers_heard_by(&self, to: &str) -> Vec<u64> {
        self.wire.edus_to(to).iter().filter_map(|edu| edu["content"]["good"].as_u64()).collect()
    }
}

fn good(number: usize) -> String {
    json!({"edu_type": "m.test", "content": {"good": number}}).to_string()
}

fn bad(poison: &str) -> String {
    format!(r#"{{"edu_type":"m.test","content":{{"bad":{poison}}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn no_row_stops_what_is_behind_it_wherever_it_stands() {
    // Every poison first, last, in the middle, alone and among others; a simple generator provides the randomness.
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..24 {
        let mut world = World::new().await;
        let (mut rows, mut expected, mut poisons) = (Vec::new(), Vec::new(), 0);
        for number in 0..40 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let is_bad = (dice >> 60) < round % 12 || number == 0;
            if is_bad {
                poisons += 1;
                rows.push(bad(POISONS[(dice >> 32) as usize % POISONS.len()]));
            } else {
                expected.push(number as u64);
                rows.push(good(number));
            }
        }
        world.smuggles("a.example", rows).await;
        if round % 3 == 0 {
            world.wire.set("a.example", Mood::Fickle(round));
        }
        world.run();
        world
            .until("the last good one is heard", || world.numbers_heard_by("a.example").last() == expected.last())
            .await;
        assert_eq!(world.rows_left().await, 0, "round {round}");
        let mut heard = world.numbers_heard_by("a.example");
        heard.dedup();
        let mut once = heard.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once, expected, "round {round}");
        let status = really(world.services.federation.destination("a.example")).await.expect("a status");
        assert_eq!(status.left_out, poisons, "round {round}: {status:?}");
        let reason = status.left_out_reason.expect("a reason");
        assert!(reason.starts_with("an EDU was left out: "), "{reason}");
        world.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_and_other_servers_go_on_beside_a_poisoned_row() {
    let mut world = World::new().await;
    let room = world.room_with(&["a.example", "b.example"]).await;
    world.smuggles("a.example", vec![bad("1.5")]).await;
    world.says(&room, "first").await;
    world.run();
    world.until_heard("b.example", 1).await;
    world.until_heard("a.example", 1).await;
    world.says(&room, "second").await;
    world.until_heard("a.example", 2).await;
    assert_eq!(world.rows_left().await, 0);
    let other = really(world.services.federation.destination("b.example")).await.expect("a status");
    assert_eq!((other.left_out, other.reachable), (0, true));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_not_put_down() {
    let world = World::new().await;
    for poison in POISONS.iter().filter(|poison| !poison.contains("unfinished")) {
        let mut content = DirectDeviceContent::new(user("@alice:home.example"), "m.test".into(), "id".into());
        let raw = serde_json::value::RawValue::from_string(format!(r#"{{"n":{poison}}}"#)).expect("JSON");
        let of_user =
            std::iter::once((ruma::to_device::DeviceIdOrAllDevices::AllDevices, ruma::serde::Raw::from_json(raw)));
        content.messages.insert(user("@bob:a.example"), of_user.collect());
        let core = world.core().clone();
        let edu = Edu::DirectToDevice(content);
        let to = super::server("a.example");
        let write = move |tx: &mut hearth_store::WriteTx<'_>| core.outgoing.edu(&core, tx, [&*to], &edu);
        let refused = really(world.core().store.write("test", write)).await.expect_err(poison);
        assert_eq!(refused.reason(), Some(Reason::BadJson), "{poison}");
    }
    assert_eq!(world.rows().await, 0);
}
