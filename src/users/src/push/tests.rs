//! The list of notifications, on a real database.

use std::sync::Arc;

use hearth_base::{Reason, Seams};
use hearth_rooms::{JoinContent, LocalRooms, Message, Rooms, testing};
use serde_json::{Value, json};

use super::notified::{NotificationsPage, Notified};

#[tokio::test]
async fn notifications_are_what_the_rules_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let core = testing::core(&folder, Seams::system(), |_| {});
    let alice = testing::user(&core, "@alice:home.example").await;
    let bob = testing::user(&core, "@bob:home.example").await;
    let rooms = LocalRooms::of(&Arc::new(Rooms::new(core.clone())));
    let wanted = testing::create_room(&json!({"preset": "public_chat"}));
    let (id, ()) = rooms.create(&alice, wanted, |_, _| Ok(())).await.expect("a room");
    let send = async |who, body: &str, mentions: Value| {
        let mut content = json!({"body": body, "msgtype": "m.text"});
        if !mentions.is_null() {
            content["m.mentions"] = mentions;
        }
        let (content, txn) = (content.to_string(), body.to_owned());
        let message =
            Message { room_id: id.clone(), kind: "m.room.message".to_owned(), content, txn, timestamp_ms: None };
        rooms.send(who, message).await.expect("sent")
    };
    send(&alice, "before Bob", Value::Null).await;
    rooms.join(&bob, id.clone().into(), JoinContent::default()).await.expect("a join");
    send(&alice, "hello", Value::Null).await;
    send(&alice, "you", json!({"user_ids": ["@bob:home.example"]})).await;
    send(&bob, "his own", Value::Null).await;
    let notified = Notified::new(core.clone());
    let list = async |highlights, from, limit| notified.list(&bob, highlights, from, limit).await.expect("a page");
    let shown = |page: &NotificationsPage| {
        let body = |event: &str| serde_json::from_str::<Value>(event).expect("JSON")["content"]["body"].clone();
        page.notifications.iter().map(|one| body(one.event.json().get())).collect::<Vec<_>>()
    };
    let all = list(false, None, 10).await;
    assert_eq!((shown(&all), all.next), (vec![json!("you"), json!("hello")], None));
    assert_eq!(shown(&list(true, None, 10).await), [json!("you")]);
    let first = list(false, None, 1).await;
    assert_eq!(shown(&list(false, first.next, 1).await), [json!("hello")]);
    let error = notified.list(&bob, false, Some("s1".to_owned()), 1).await.expect_err("not a token of this list");
    assert_eq!(error.reason(), Some(Reason::InvalidParam));
}

#[tokio::test]
async fn what_one_says_reads_the_notifications_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let core = testing::core(&folder, Seams::system(), |_| {});
    let alice = testing::user(&core, "@alice:home.example").await;
    let bob = testing::user(&core, "@bob:home.example").await;
    let rooms = LocalRooms::of(&Arc::new(Rooms::new(core.clone())));
    let wanted = testing::create_room(&json!({"preset": "public_chat"}));
    let (id, ()) = rooms.create(&alice, wanted, |_, _| Ok(())).await.expect("a room");
    rooms.join(&bob, id.clone().into(), JoinContent::default()).await.expect("a join");
    let send = async |who, body: &str, relation: Value| {
        let content = json!({"body": body, "msgtype": "m.text", "m.relates_to": relation}).to_string();
        let (kind, txn) = ("m.room.message".to_owned(), body.to_owned());
        let message = Message { room_id: id.clone(), kind, content, txn, timestamp_ms: None };
        rooms.send(who, message).await.expect("sent")
    };
    let root = send(&alice, "one", json!({})).await;
    send(&alice, "in a thread", json!({"rel_type": "m.thread", "event_id": root})).await;
    send(&bob, "his own", json!({})).await;
    send(&alice, "two", json!({})).await;
    let notified = Notified::new(core.clone());
    let read = async |limit| {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let page = notified.list(&bob, false, from, limit).await.expect("a page");
            for one in page.notifications {
                let event: Value = serde_json::from_str(one.event.json().get()).expect("JSON");
                all.push((event["content"]["body"].as_str().unwrap_or_default().to_owned(), one.read));
            }
            from = page.next;
            if from.is_none() {
                return all;
            }
        }
    };
    let expected = [("two", false), ("in a thread", false), ("one", true)].map(|(body, read)| (body.to_owned(), read));
    assert_eq!(read(20).await, expected);
    assert_eq!(read(1).await, expected, "page by page as well");
}
