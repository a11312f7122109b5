//! Pages, relations, threads, context, spaces, search.

use futures_util::FutureExt;
use hearth_base::Reason;
use hearth_core::Requester;
use hearth_store::ids::EventSn;
use hearth_store::tables::search_words::{self, Progress, WordQuery};
use ruma::api::Direction;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, RoomId};
use serde_json::{Value, json};

use super::{World, why};
use crate::read::page::{MessagesPage, PageFilter, Paging};
use crate::read::relations::RelationsQuery;
use crate::read::search::Search;
use crate::read::term::SearchTerm;
use crate::read::{hierarchy, members};

fn value<T>(raw: &ruma::serde::Raw<T>) -> Value {
    serde_json::from_str(raw.json().get()).expect("JSON")
}

fn bodies<T>(events: &[ruma::serde::Raw<T>]) -> Vec<String> {
    events.iter().filter_map(|event| value(event)["content"]["body"].as_str().map(str::to_owned)).collect()
}

fn paging(direction: Direction, limit: usize) -> Paging {
    Paging { direction, from: None, to: None, limit, filter: PageFilter::default() }
}

fn thread(root: &OwnedEventId, body: &str) -> Value {
    json!({"body": body, "msgtype": "m.text", "m.relates_to": {"rel_type": "m.thread", "event_id": root}})
}

impl World {
    /// Indexes all messages, however few: after a change of the rules the index is made anew at once.
    async fn indexes(&self) {
        let core = self.core.clone();
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let rules = search_words::progress(tx.tx())?.rules;
            search_words::set_progress(tx.tx(), Progress { upto: EventSn(0), rules: rules - 1 })
        };
        core.store.write("test", write).await.expect("rules that are out of date");
        assert!(self.rooms.index_piece().await.expect("a piece"));
        assert!(!self.rooms.index_piece().await.expect("no piece"), "all is indexed");
    }

    /// Whether the index has a word.
    async fn has_entries(&self, word: &str) -> bool {
        let query = WordQuery { word: word.trim_end_matches('*').to_owned(), is_prefix: word.ends_with('*') };
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let progress = search_words::progress(tx.tx())?;
            assert!(progress.upto > EventSn(0), "something is indexed");
            search_words::matching(tx.tx(), &[vec![query]], EventSn(i64::MAX), 1)
        };
        !self.core.store.read("test", read).await.expect("a read").is_empty()
    }

    async fn says_as(&self, who: &Requester, id: &RoomId, content: Value) -> OwnedEventId {
        let txn = format!("{content}");
        self.send(who, id, "m.room.message", &txn, content).await.expect("sent")
    }

    async fn page(&self, id: &RoomId, paging: Paging) -> MessagesPage {
        self.rooms.messages(&self.alice, id.to_owned(), paging).await.expect("a page")
    }
}

#[tokio::test]
async fn pages_meet_and_end() {
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    for n in 0..7 {
        world.says(&id, &n.to_string()).await;
    }
    let first = world.page(&id, paging(Direction::Backward, 3)).await;
    assert_eq!(bodies(&first.chunk), ["6", "5", "4"]);
    let second = world.page(&id, Paging { from: first.end, ..paging(Direction::Backward, 3) }).await;
    assert_eq!(bodies(&second.chunk), ["3", "2", "1"]);
    let back = world.page(&id, Paging { from: second.end, ..paging(Direction::Forward, 4) }).await;
    assert_eq!(bodies(&back.chunk), ["1", "2", "3", "4"]);
    let rest = world.page(&id, Paging { from: back.end, ..paging(Direction::Forward, 4) }).await;
    assert_eq!(bodies(&rest.chunk), ["5", "6"]);
    let none = world.page(&id, Paging { from: rest.end, ..paging(Direction::Forward, 4) }).await;
    assert!(none.chunk.is_empty() && none.end.is_none(), "only an empty page has no end");
    let all = world.page(&id, paging(Direction::Forward, 1_000)).await;
    assert!(all.end.is_some() && value(&all.chunk[0])["type"] == "m.room.create");
    let between = Paging { from: first.end, to: second.end, ..paging(Direction::Backward, 100) };
    assert_eq!(bodies(&world.page(&id, between).await.chunk), ["3", "2", "1"]);
}

#[tokio::test]
async fn filters_choose_and_members_come_along() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "public_chat"})).await.expect("a room");
    world.joins(&world.bob, &id).await.expect("a join");
    let root = world.says_as(&world.bob, &id, json!({"body": "hi", "msgtype": "m.text"})).await;
    world.says(&id, "reply").await;
    world.says_as(&world.alice, &id, thread(&root, "in thread")).await;
    let filtered = async |filter: Value, related: Option<&str>| {
        let filter = PageFilter {
            events: serde_json::from_value(filter).expect("a filter"),
            related_by_senders: None,
            related_by_rel_types: related.map(|kind| vec![kind.to_owned()]),
            ..PageFilter::default()
        };
        world.page(&id, Paging { filter, ..paging(Direction::Backward, 50) }).await
    };
    let page =
        filtered(json!({"senders": ["@bob:home.example"], "types": ["m.room.mess*"], "lazy_load_members": true}), None)
            .await;
    assert_eq!(bodies(&page.chunk), ["hi"]);
    assert_eq!(
        page.state.iter().map(|event| value(event)["state_key"].clone()).collect::<Vec<_>>(),
        ["@bob:home.example"]
    );
    assert_eq!(bodies(&filtered(json!({}), Some("m.thread")).await.chunk), ["hi"]);
    assert!(filtered(json!({"not_rooms": [id]}), None).await.chunk.is_empty());
    assert!(filtered(json!({"contains_url": true}), None).await.chunk.is_empty());
}

#[tokio::test]
async fn an_event_brings_its_edit_and_its_thread() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "public_chat"})).await.expect("a room");
    world.joins(&world.bob, &id).await.expect("a join");
    let root = world.says_as(&world.alice, &id, json!({"body": "root", "msgtype": "m.text"})).await;
    let edit = |body: &str| {
        json!({"body": format!("* {body}"), "msgtype": "m.text", "m.new_content": {"body": body, "msgtype": "m.text"},
               "m.relates_to": {"rel_type": "m.replace", "event_id": root}})
    };
    world.says_as(&world.alice, &id, edit("one")).await;
    world.says_as(&world.alice, &id, edit("two")).await;
    world.says_as(&world.bob, &id, edit("not his to edit")).await;
    let mut newest = root.clone();
    for n in 1..=3 {
        newest = world.says_as(&world.bob, &id, thread(&root, &format!("reply {n}"))).await;
    }
    let shown = async |who: &Requester| {
        let event = world.rooms.event(who, id.clone(), root.clone()).await.expect("an event");
        value(&event)["unsigned"]["m.relations"].clone()
    };
    let relations = shown(&world.alice).await;
    assert_eq!(relations["m.replace"]["content"]["m.new_content"]["body"], "two");
    assert_eq!(relations["m.thread"]["count"], 3);
    assert_eq!(relations["m.thread"]["latest_event"]["content"]["body"], "reply 3");
    assert_eq!(relations["m.thread"]["current_user_participated"], true);
    world.joins(&world.carol, &id).await.expect("a join");
    assert_eq!(shown(&world.carol).await["m.thread"]["current_user_participated"], false);
    world.rooms.redact(&world.bob, id.clone(), newest, "r".to_owned(), None).await.expect("redacted");
    let redacted = shown(&world.alice).await["m.thread"].clone();
    assert_eq!((&redacted["count"], &redacted["latest_event"]["content"]["body"]), (&json!(2), &json!("reply 2")));
    world.rooms.leave(&world.carol, id.clone(), None).await.expect("left");
    world.says_as(&world.alice, &id, thread(&root, "not for Carol")).await;
    assert_eq!(shown(&world.carol).await["m.thread"]["latest_event"]["content"]["body"], "reply 2");
    assert_eq!(shown(&world.bob).await["m.thread"]["latest_event"]["content"]["body"], "not for Carol");
}

#[tokio::test]
async fn relations_page_either_way_and_recurse() {
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    let root = world.says_as(&world.alice, &id, json!({"body": "root", "msgtype": "m.text"})).await;
    let mut last = root.clone();
    for n in 1..=3 {
        last = world.says_as(&world.alice, &id, thread(&root, &format!("reply {n}"))).await;
    }
    let reaction = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": last, "key": "x"}});
    let reaction = world.send(&world.alice, &id, "m.reaction", "r", reaction).await.expect("a reaction");
    let ask = async |direction, from, recurse, rel_type: Option<&str>| {
        let question = RelationsQuery {
            event: root.clone(),
            rel_type: rel_type.map(str::to_owned),
            event_type: None,
            direction,
            from,
            to: None,
            limit: 2,
            recurse,
        };
        world.rooms.relations(&world.alice, id.clone(), question).await.expect("relations")
    };
    let one = ask(Direction::Backward, None, false, Some("m.thread")).await;
    assert_eq!((bodies(&one.chunk), one.depth), (vec!["reply 3".to_owned(), "reply 2".to_owned()], None));
    let two = ask(Direction::Backward, one.next, false, Some("m.thread")).await;
    assert_eq!((bodies(&two.chunk), two.next), (vec!["reply 1".to_owned()], None));
    assert_eq!(bodies(&ask(Direction::Forward, None, false, None).await.chunk), ["reply 1", "reply 2"]);
    let deep = ask(Direction::Backward, None, true, None).await;
    assert_eq!(value(&deep.chunk[0])["event_id"], json!(reaction));
    assert_eq!(deep.depth, Some(3));
}

#[tokio::test]
async fn threads_are_listed_by_their_last_reply() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "public_chat"})).await.expect("a room");
    world.joins(&world.bob, &id).await.expect("a join");
    let mine = world.says_as(&world.alice, &id, json!({"body": "mine", "msgtype": "m.text"})).await;
    let his = world.says_as(&world.bob, &id, json!({"body": "his", "msgtype": "m.text"})).await;
    world.says_as(&world.bob, &id, thread(&his, "a")).await;
    world.says_as(&world.bob, &id, thread(&mine, "b")).await;
    let list = async |participated, from, limit| {
        world.rooms.threads(&world.alice, id.clone(), participated, from, limit).await.expect("threads")
    };
    let first = list(false, None, 1).await;
    assert_eq!(bodies(&first.chunk), ["mine"]);
    let second = list(false, first.next, 1).await;
    assert_eq!((bodies(&second.chunk), second.next), (vec!["his".to_owned()], None));
    assert_eq!(bodies(&list(true, None, 10).await.chunk), ["mine"]);
    assert_eq!(
        why(world.rooms.threads(&world.alice, id.clone(), false, Some("t5".to_owned()), 1).await),
        Reason::InvalidParam
    );
}

#[tokio::test]
async fn context_and_time_find_the_neighbourhood() {
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(world.says_as(&world.alice, &id, json!({"body": n.to_string(), "msgtype": "m.text"})).await);
    }
    let filter = serde_json::from_value(json!({"lazy_load_members": true})).expect("a filter");
    let context = world.rooms.context(&world.alice, id.clone(), ids[2].clone(), 3, filter).await.expect("a context");
    assert_eq!(bodies(&context.before), ["1"]);
    assert_eq!(bodies(&context.after), ["3", "4"]);
    assert!(context.state.iter().any(|event| value(event)["type"] == "m.room.create"));
    let from = Some(context.start);
    let before = world.page(&id, Paging { from, ..paging(Direction::Backward, 1) }).await;
    assert_eq!(bodies(&before.chunk), ["0"]);
    let unknown = ruma::event_id!("$none").to_owned();
    let missing = world.rooms.context(&world.alice, id.clone(), unknown, 3, Default::default()).await;
    assert_eq!(why(missing), Reason::NotFound);
    let at = |ms: u32| MilliSecondsSinceUnixEpoch(ms.into());
    let first = world.rooms.event_at(&world.alice, id.clone(), at(0), Direction::Forward).await.expect("an answer");
    let (first, _) = first.found().expect("an event");
    let create = world.rooms.event(&world.alice, id.clone(), first).await.expect("an event");
    assert_eq!(value(&create)["type"], "m.room.create");
    let none = world.rooms.event_at(&world.alice, id.clone(), at(0), Direction::Backward).await.expect("an answer");
    assert_eq!(why(none.found()), Reason::NotFound);
}

#[tokio::test]
async fn members_are_as_of_then_or_now() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "public_chat"})).await.expect("a room");
    let then = world.page(&id, paging(Direction::Backward, 1)).await.start;
    world.joins(&world.bob, &id).await.expect("a join");
    world.joins(&world.carol, &id).await.expect("a join");
    world.rooms.leave(&world.carol, id.clone(), None).await.expect("left");
    let count = async |question| world.rooms.members(&world.alice, id.clone(), question).await.expect("members").len();
    assert_eq!(count(members::MembersQuery::default()).await, 3);
    assert_eq!(count(members::MembersQuery { only: Some("join".into()), ..Default::default() }).await, 2);
    assert_eq!(count(members::MembersQuery { except: Some("leave".into()), ..Default::default() }).await, 2);
    assert_eq!(count(members::MembersQuery { at: Some(then), ..Default::default() }).await, 1);
    assert_eq!(world.rooms.joined_members(&world.alice, id.clone()).await.expect("members").len(), 2);
    assert_eq!(why(world.rooms.joined_members(&world.carol, id.clone()).await), Reason::Forbidden);
}

#[tokio::test]
async fn a_space_shows_what_the_reader_could_enter() {
    let world = World::new().await;
    let space = async |preset: &str| {
        let wanted = json!({"preset": preset, "creation_content": {"type": "m.space"}});
        world.makes(wanted).await.expect("a space")
    };
    let (top, sub) = (space("public_chat").await, space("public_chat").await);
    let leaf = world.makes(json!({"preset": "public_chat"})).await.expect("a room");
    let secret = world.makes(json!({"preset": "private_chat"})).await.expect("a room");
    let adopt = async |parent: &RoomId, child: &RoomId, content: Value| {
        let change = super::StateChange {
            room_id: parent.to_owned(),
            kind: "m.space.child".to_owned(),
            state_key: child.to_string(),
            content: content.to_string(),
            timestamp_ms: None,
        };
        world.rooms.set_state(&world.alice, change).await.expect("a child");
    };
    adopt(&top, &sub, json!({"via": ["home.example"], "order": "a", "suggested": true})).await;
    adopt(&top, &secret, json!({"via": ["home.example"]})).await;
    adopt(&sub, &leaf, json!({"via": ["home.example"]})).await;
    adopt(&leaf, &top, json!({"via": ["home.example"]})).await;
    let all = hierarchy::HierarchyQuery { suggested_only: false, depth_max: None };
    let walk = async |who: &Requester, question, from: Option<String>, limit| {
        let told = std::sync::Arc::default();
        let page = world.rooms.hierarchy(who, top.clone(), question, (from.as_deref(), limit), told);
        let (page, _) = page.await.expect("a hierarchy");
        let rooms: Vec<_> = page.rooms.iter().map(|node| node.summary.card.room_id.clone()).collect();
        (rooms, page.next_batch)
    };
    let (rooms, next) = walk(&world.bob, all, None, 50).await;
    assert_eq!((rooms, next), (vec![top.clone(), sub.clone(), leaf.clone()], None));
    let suggested = hierarchy::HierarchyQuery { suggested_only: true, depth_max: Some(1) };
    assert_eq!(walk(&world.bob, suggested, None, 50).await.0, [top.clone(), sub.clone()]);
    let (first, next) = walk(&world.alice, all, None, 2).await;
    assert_eq!((first.len(), next.is_some()), (2, true));
    assert_eq!(walk(&world.alice, all, next, 2).await, (vec![leaf, secret.clone()], None));
    assert_eq!(
        why(world.rooms.hierarchy(&world.bob, secret.clone(), all, (None, 5), std::sync::Arc::default()).await),
        Reason::Forbidden
    );
    assert_eq!(why(world.rooms.summary(None, secret.into()).await), Reason::NotFound);
    let summary = world.rooms.summary(Some(&world.bob), top.into()).await.expect("a summary");
    let summary = serde_json::to_value(summary).expect("JSON");
    assert_eq!((&summary["join_rule"], &summary["room_type"]), (&json!("public"), &json!("m.space")));
    assert_eq!(summary["membership"], "leave");
}

#[tokio::test]
async fn a_search_finds_only_what_the_reader_may_see() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "public_chat", "name": "Needle's eye"})).await.expect("a room");
    let other = world.makes(json!({"preset": "private_chat"})).await.expect("another room");
    world.joins(&world.bob, &id).await.expect("a join");
    world.says(&id, "hay needle needle").await;
    world.says(&id, "NEEDLE").await;
    world.says(&other, "a needle elsewhere").await;
    let search = async |who: &Requester, limit: u32, from: Option<String>| {
        let filter = serde_json::from_value(json!({ "limit": limit })).expect("a filter");
        let term = SearchTerm::new("needle", Vec::new()).expect("a term");
        let search = Search { term, filter, by_rank: false, context: (1, 1), profiles: true, state: true, from };
        world.rooms.search(who, search).await.expect("results")
    };
    let found = search(&world.bob, 10, None).await;
    let shown: Vec<_> = found.hits.iter().map(|hit| value(&hit.event)["content"]["body"].clone()).collect();
    assert_eq!(shown, [json!("NEEDLE"), json!("hay needle needle"), Value::Null]);
    assert_eq!(found.hits[1].rank, 2);
    assert_eq!((found.state.len(), found.next), (1, None));
    assert!(found.hits[0].profiles.contains_key(&world.alice.user_id));
    assert_eq!(search(&world.alice, 10, None).await.hits.len(), 4);
    let first = search(&world.bob, 2, None).await;
    assert_eq!(search(&world.bob, 2, first.next).await.hits.len(), 1);
    assert!(search(&world.carol, 10, None).await.hits.is_empty());
}

#[tokio::test]
async fn a_long_search_counts_on_with_each_page_and_never_too_little() {
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    for nth in 0..40 {
        world.says(&id, &format!("{} {nth}", ["plum", "pear"][nth % 2])).await;
    }
    let (mut from, mut counts, mut shown) = (None, Vec::new(), 0);
    loop {
        let filter = serde_json::from_value(json!({ "limit": 3 })).expect("a filter");
        let term = SearchTerm::new("plum", Vec::new()).expect("a term");
        let search = Search { term, filter, by_rank: false, context: (0, 0), profiles: false, state: false, from };
        let found = world.rooms.search_within(&world.alice, search, (5, 10)).await.expect("results");
        shown += found.hits.len();
        assert!(found.count >= shown, "{shown} were shown of {}", found.count);
        counts.push(found.count);
        from = found.next;
        if from.is_none() {
            break;
        }
    }
    assert!(counts.is_sorted() && counts[0] < 20, "{counts:?}");
    assert_eq!((shown, counts.last()), (20, Some(&20)));
}

/// The index and the comparison one by one give the same, whatever happens before and after an event is indexed.
#[tokio::test]
async fn a_search_finds_the_same_before_and_after_messages_are_indexed() {
    for version in ["11", "12"] {
        let world = World::new().await;
        let id = world.makes(json!({"room_version": version, "name": "Plum"})).await.expect("a room");
        let elsewhere = world.makes(json!({"room_version": version})).await.expect("another room");
        world.says(&id, "plum one").await;
        let gone = world.says_as(&world.alice, &id, json!({"body": "plum secret", "msgtype": "m.text"})).await;
        let edited = world.says_as(&world.alice, &id, json!({"body": "plum old", "msgtype": "m.text"})).await;
        let edit = |body: &str| {
            json!({"body": format!("* {body}"), "msgtype": "m.text", "m.new_content": {"body": body, "msgtype": "m.text"},
                "m.relates_to": {"rel_type": "m.replace", "event_id": edited}})
        };
        world.says_as(&world.alice, &id, edit("pear")).await;
        world.says_as(&world.alice, &id, edit("plums anew 天気がいい")).await;
        world.says(&elsewhere, "Pflaumen, plùm").await;
        let search = async |words: &str| {
            let term = SearchTerm::new(words, Vec::new()).expect("a term");
            let filter = serde_json::from_value(json!({})).expect("a filter");
            let search =
                Search { term, filter, by_rank: false, context: (0, 0), profiles: false, state: false, from: None };
            let found = world.rooms.search(&world.alice, search).await.expect("results");
            assert_eq!(found.count, found.hits.len());
            let text = |event: Value| {
                let edit = &event["unsigned"]["m.relations"]["m.replace"]["content"]["m.new_content"]["body"];
                [edit, &event["content"]["body"], &event["content"]["name"]]
                    .into_iter()
                    .find_map(|text| text.as_str().map(str::to_owned))
            };
            found.hits.iter().filter_map(|hit| text(value(&hit.event))).collect::<Vec<_>>()
        };
        let all = async || [search("plum").await, search("old").await, search("pear").await, search("天気").await];
        let plums = ["Pflaumen, plùm", "plums anew 天気がいい", "plum secret", "plum one", "Plum"];
        let expected = [&plums[..], &[], &[], &plums[1..2]];
        assert_eq!(all().await, expected);
        world.indexes().await;
        assert_eq!(all().await, expected);
        let redaction = world.rooms.redact(&world.alice, id.clone(), gone.clone(), "1".to_owned(), None);
        redaction.await.expect("a redaction");
        assert_eq!(search("plum").await, ["Pflaumen, plùm", "plums anew 天気がいい", "plum one", "Plum"]);
        assert!(!world.has_entries("secret*").await, "a redacted message leaves the index");
        let redaction = world.rooms.redact(&world.alice, id.clone(), edited.clone(), "2".to_owned(), None);
        redaction.await.expect("a redaction");
        assert_eq!(search("plum").await, ["Pflaumen, plùm", "plum one", "Plum"]);
        world.says(&id, "plum last").await;
        assert_eq!(search("plum").await, ["plum last", "Pflaumen, plùm", "plum one", "Plum"]);
    }
}

/// However many large reads a user asks for, one of the few readers is busy with them.
#[tokio::test]
async fn a_user_has_one_large_read_at_a_time() {
    let world = World::new().await;
    let id = world.makes(json!({ "preset": "public_chat" })).await.expect("a room");
    world.rooms.join(&world.bob, id.clone().into(), crate::JoinContent::default()).await.expect("a join");
    let (core, alice) = (world.core.clone(), world.alice.user);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let mut first = Box::pin(core.read_much("test", alice, move |_| {
        _ = held.recv();
        Ok(())
    }));
    assert!((&mut first).now_or_never().is_none(), "it has a reader");
    let ask = |who| world.rooms.messages(who, id.clone(), paging(Direction::Backward, 3));
    let mut second = Box::pin(ask(&world.alice));
    assert!((&mut second).now_or_never().is_none());
    ask(&world.bob).await.expect("others do not wait");
    assert!((&mut second).now_or_never().is_none(), "her next read waits for the first");
    drop(release);
    first.await.expect("read");
    second.await.expect("it is not refused");
}
