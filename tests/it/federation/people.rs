//! Requests that every server may send: profiles, aliases, public rooms, keys, OpenID tokens, media.

use serde_json::json;

use super::transaction::Letter;
use crate::harness::keys::device_keys;
use crate::harness::{Cluster, encoded, v3};

#[tokio::test(flavor = "multi_thread")]
async fn profiles_and_aliases_are_for_all() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let alice = a.register("alice").await;
    alice.put(v3!("profile/{}/displayname", alice.id), json!({ "displayname": "Ålice" })).await.ok();
    let room = alice.creates_room().public().with("room_alias_name", json!("hall")).await;
    let ask =
        async |query: &str| Letter::get(b, a, &format!("/_matrix/federation/v1/query/{query}")).arrives(&cluster).await;
    let alice = encoded(&alice.id);
    assert_eq!(ask(&format!("profile?user_id={alice}")).await.ok()["displayname"], "Ålice");
    let name = ask(&format!("profile?user_id={alice}&field=displayname")).await.ok();
    assert_eq!(name, json!({ "displayname": "Ålice" }));
    assert_eq!(ask(&format!("profile?user_id={alice}&field=avatar_url")).await.ok(), json!({}));
    ask("profile?user_id=@nobody:a.example").await.refused(404, "M_NOT_FOUND");
    ask("profile?user_id=@alice:c.example").await.refused(404, "M_NOT_FOUND");
    ask("profile?user_id=alice").await.refused(400, "M_INVALID_PARAM");

    let found = ask("directory?room_alias=%23hall:a.example").await.ok();
    assert_eq!(found, json!({ "room_id": room.0, "servers": ["a.example"] }));
    ask("directory?room_alias=%23attic:a.example").await.refused(404, "M_NOT_FOUND");
    ask("directory?room_alias=%23hall:c.example").await.refused(404, "M_NOT_FOUND");
    ask("client_versions").await.refused(404, "M_NOT_FOUND");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_directory_is_public() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let alice = a.register("alice").await;
    let hall = alice.creates_room().public().with("visibility", json!("public")).with("name", json!("Hall")).await;
    alice.creates_room().public().await;
    let listed = Letter::get(b, a, "/_matrix/federation/v1/publicRooms").arrives(&cluster).await.ok();
    assert_eq!(listed["chunk"][0]["room_id"], hall.0);
    assert_eq!(listed["total_room_count_estimate"], 1);
    let search = json!({ "filter": { "generic_search_term": "cellar" } });
    let found = Letter::post(b, a, "/_matrix/federation/v1/publicRooms", &search).arrives(&cluster).await.ok();
    assert_eq!(found["chunk"], json!([]));
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_for_all_but_names_of_devices_are_not() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let alice = a.register("alice").await;
    let (id, device) = (&alice.id, &alice.device);
    alice.put(v3!("devices/{}", device), json!({ "display_name": "Alice's phone" })).await.ok();
    let (keys, _) = device_keys(&alice, 1);
    let one = json!({ "signed_curve25519:AAAA": { "key": "k".repeat(43), "signatures": {} } });
    alice.post(v3!("keys/upload"), json!({ "device_keys": keys, "one_time_keys": one })).await.ok();

    let target = format!("/_matrix/federation/v1/user/devices/{}", encoded(id));
    let devices = Letter::get(b, a, &target).arrives(&cluster).await;
    assert!(!String::from_utf8_lossy(&devices.body).contains("phone"), "a device's name is its owner's business");
    let devices = devices.ok();
    assert_eq!(devices["devices"][0]["device_id"], *device);
    assert_eq!(devices["devices"][0]["keys"]["keys"], keys["keys"]);
    assert!(devices["stream_id"].as_u64() > Some(0));
    let target = "/_matrix/federation/v1/user/devices/@nobody:a.example";
    Letter::get(b, a, target).arrives(&cluster).await.refused(404, "M_NOT_FOUND");

    let query = json!({ "device_keys": { id: [], "@bob:b.example": [] } });
    let queried = Letter::post(b, a, "/_matrix/federation/v1/user/keys/query", &query).arrives(&cluster).await.ok();
    assert_eq!(queried["device_keys"][id][device]["keys"], keys["keys"]);
    assert!(queried["device_keys"]["@bob:b.example"].is_null());

    let claim = json!({ "one_time_keys": { id: { device: "signed_curve25519" }, "@bob:b.example": { "X": "y" } } });
    let ask =
        async || Letter::post(b, a, "/_matrix/federation/v1/user/keys/claim", &claim).arrives(&cluster).await.ok();
    assert_eq!(ask().await["one_time_keys"][id][device]["signed_curve25519:AAAA"]["key"], "k".repeat(43));
    assert_eq!(ask().await, json!({ "one_time_keys": {} }), "a one-time key is given out once");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openid_token_says_whose_it_is() {
    let cluster = Cluster::of(["a.example"]).await;
    let [a] = &cluster.worlds[..] else { unreachable!("one server") };
    let alice = a.register("alice").await;
    let issued = alice.post(v3!("user/{}/openid/request_token", alice.id), json!({})).await.ok();
    let token = issued["access_token"].as_str().expect("a token");
    let path = "/_matrix/federation/v1/openid/userinfo";
    let said = a.anyone().get(path).query(&[("access_token", token)]).await.ok();
    assert_eq!(said, json!({ "sub": alice.id }));
    a.anyone().get(path).query(&[("access_token", &alice.token)]).await.refused(401, "M_UNKNOWN_TOKEN");
    a.anyone().get(path).await.refused(401, "M_MISSING_TOKEN");
    a.anyone().get(path).query(&[("access_token", "")]).await.refused(401, "M_MISSING_TOKEN");
    a.anyone().get("/_matrix/federation/v1/version").await.ok();
    a.anyone().get("/_matrix/key/v2/server").await.ok();
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_comes_in_two_parts() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let alice = a.register("alice").await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let upload = alice.ask(reqwest::Method::POST, "/_matrix/media/v3/upload?filename=blob.bin");
    let address = upload.bytes("application/octet-stream", bytes.clone()).await.ok();
    let id = address["content_uri"].as_str().and_then(|uri| uri.rsplit('/').next()).expect("an address").to_owned();
    let answer = Letter::get(b, a, &format!("/_matrix/federation/v1/media/download/{id}")).arrives(&cluster).await;
    assert_eq!(answer.status, 200);
    let head = b"\r\n--";
    assert!(answer.body.starts_with(head));
    let line = answer.body[head.len()..].split(|byte| *byte == b'\r').next().expect("a boundary");
    let boundary = [head.as_slice(), line].concat();
    let text = String::from_utf8_lossy(&answer.body[..600]).into_owned();
    assert!(text.contains("Content-Type: application/json\r\n\r\n{}\r\n"), "{text}");
    assert!(text.contains("filename=\"blob.bin\"") || text.contains("filename=blob.bin"), "{text}");
    let end = [boundary.as_slice(), b"--\r\n"].concat();
    assert!(answer.body.ends_with(&end), "it ends as it should");
    let file = &answer.body[answer.body.len() - end.len() - bytes.len()..answer.body.len() - end.len()];
    assert_eq!(file, bytes);
    assert!(answer.body[..answer.body.len() - end.len() - bytes.len()].ends_with(b"\r\n\r\n"));

    for id in ["nothing", "..%2f..%2fetc", "%00"] {
        let target = format!("/_matrix/federation/v1/media/download/{id}");
        let answer = Letter::get(b, a, &target).arrives(&cluster).await;
        assert!(matches!(answer.status, 400 | 404), "{id}: {}", answer.status);
    }
    let target = format!("/_matrix/federation/v1/media/thumbnail/{id}?width=32&height=32&method=crop");
    let answer = Letter::get(b, a, &target).arrives(&cluster).await;
    assert_eq!(answer.status, 400, "no thumbnail of what is no picture");
    cluster.ends().await;
}
