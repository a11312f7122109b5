//! EDUs: durable ones, ephemeral ones, and coalescing.

use std::sync::Arc;

use hearth_base::Reason;
use hearth_rooms::outgoing::EphemeralEdu;
use ruma::api::federation::transactions::edu::{DeviceListUpdateContent, DirectDeviceContent, Edu};
use ruma::{OwnedServerName, UInt, owned_event_id, owned_room_id};
use serde_json::json;

use super::wire::Mood;
use super::{World, really, server, user};

fn device(id: &str, stream: u32) -> Edu {
    let content = DeviceListUpdateContent::new(user("@alice:home.example"), id.into(), UInt::from(stream));
    Edu::DeviceListUpdate(content)
}

fn message(id: &str) -> Edu {
    Edu::DirectToDevice(DirectDeviceContent::new(user("@alice:home.example"), "m.test".into(), id.into()))
}

impl World {
    async fn puts(&self, to: &'static [&'static str], edu: Edu) -> hearth_base::Result<()> {
        let core = self.core().clone();
        let to: Vec<OwnedServerName> = to.iter().map(|name| server(name)).collect();
        let write =
            move |tx: &mut hearth_store::WriteTx<'_>| core.outgoing.edu(&core, tx, to.iter().map(|name| &**name), &edu);
        really(self.core().store.write("test", write)).await
    }

    fn tells(&self, to: &str, news: EphemeralEdu) {
        self.core().outgoing.ephemeral(Arc::new([server(to)]), news);
    }

    fn types(&self, to: &str, typing: bool) {
        let (room, user) = (owned_room_id!("!r:home.example"), user("@alice:home.example"));
        self.tells(to, EphemeralEdu::Typing { room, user, typing });
    }

    fn reads(&self, to: &str, event: ruma::OwnedEventId) {
        let (room, user) = (owned_room_id!("!r:home.example"), user("@alice:home.example"));
        self.tells(to, EphemeralEdu::Receipt { room, user, thread: None, event, at_ms: 7 });
    }
}

#[tokio::test(start_paused = true)]
async fn durable_ones_survive_a_kill_and_the_newest_replaces_the_others() {
    let world = World::new().await;
    let to: &[&str] = &["a.example", "b.example", "denied.example", "home.example"];
    world.puts(to, device("PHONE", 1)).await.expect("put down");
    world.puts(to, message("first")).await.expect("put down");
    world.puts(to, device("PHONE", 2)).await.expect("put down");
    world.puts(to, device("LAPTOP", 3)).await.expect("put down");
    world.puts(&["b.example"], message("second")).await.expect("put down");
    let mut world = world.killed().await;
    world.run();
    world
        .until("they are heard", || {
            world.wire.edus_to("a.example").len() >= 3 && world.wire.edus_to("b.example").len() >= 4
        })
        .await;
    assert_eq!(world.rows_left().await, 0);
    let short = |name: &str| -> Vec<_> {
        let edus = world.wire.edus_to(name).into_iter();
        edus.map(|edu| edu["content"].get("stream_id").or(edu["content"].get("message_id")).cloned()).collect()
    };
    assert_eq!(short("a.example"), [Some(json!("first")), Some(json!(2)), Some(json!(3))]);
    assert_eq!(short("b.example"), [Some(json!("first")), Some(json!(2)), Some(json!(3)), Some(json!("second"))]);
    assert_eq!(world.wire.calls_to("denied.example") + world.wire.calls_to("home.example"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused_and_nothing_is_put_down() {
    let world = World::new().await;
    let refused = world.puts(&["a.example"], device(&"X".repeat(hearth_base::limits::EDU_BYTES_MAX), 1)).await;
    assert_eq!(refused.expect_err("a refusal").reason(), Some(Reason::TooLarge));
    assert_eq!(world.rows().await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_others_are_coalesced_and_fade_while_a_server_is_away() {
    let mut world = World::new().await;
    world.wire.set("a.example", Mood::Down);
    world.run();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    world
        .until("it runs", || {
            world.types("a.example", true);
            world.wire.calls_to("a.example") > 0
        })
        .await;
    for event in [owned_event_id!("$1"), owned_event_id!("$2"), owned_event_id!("$3")] {
        world.reads("a.example", event);
    }
    world.types("a.example", true);
    world.until("it is tried again", || world.wire.calls_to("a.example") >= 3).await;
    world.wire.set("a.example", Mood::Well);
    world.until("it hears", || !world.wire.edus_to("a.example").is_empty()).await;
    let edus = world.wire.edus_to("a.example");
    assert_eq!(edus.len(), 1, "typing is old by now: {edus:?}");
    let receipt = &edus[0]["content"]["!r:home.example"]["m.read"]["@alice:home.example"];
    assert_eq!(receipt, &json!({"data": {"ts": 7}, "event_ids": ["$3"]}));
    world.types("a.example", true);
    world.types("a.example", false);
    world.until("it hears", || world.wire.edus_to("a.example").len() >= 2).await;
    let last = world.wire.edus_to("a.example").pop().expect("an EDU");
    assert_eq!((last["edu_type"].clone(), last["content"]["typing"].clone()), (json!("m.typing"), json!(false)));
    assert_eq!(world.rows().await, 0, "nothing of this is written");
}
