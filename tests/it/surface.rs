//! Behaviour that is common to all paths: discovery, CORS, unknown paths and methods, size limits, the landing page.

use reqwest::Method;

use crate::harness::{World, json, list, v3};

#[tokio::test]
async fn clients_find_the_server() {
    let world = World::with(|config| {
        config.server.public_baseurl = Some("https://matrix.example.org".parse().expect("a URL"));
        config.server.support_email = Some("help@example.org".to_owned());
        config.server.well_known_server = Some("matrix.example.org:443".to_owned());
    })
    .await;
    let found = world.anyone().get("/.well-known/matrix/client").await;
    assert_eq!(found.ok()["m.homeserver"]["base_url"], "https://matrix.example.org");
    assert_eq!(found.header("access-control-allow-origin"), Some("*"));
    let server = world.anyone().get("/.well-known/matrix/server").await.ok();
    assert_eq!(server["m.server"], "matrix.example.org:443");
    let support = world.anyone().get("/.well-known/matrix/support").await.ok();
    assert_eq!(support["contacts"][0]["email_address"], "help@example.org");
    let versions = world.anyone().get("/_matrix/client/versions").await.ok();
    assert!(list(&versions["versions"]).contains(&json!("v1.11")), "{versions}");
    world.anyone().get("/").await.status_is(200);
    world.anyone().get("/health").await.status_is(200);
    world.ends().await;
}

#[tokio::test]
async fn browsers_may_ask_everything() {
    let world = World::new().await;
    let paths = [v3!("login"), v3!("sync"), "/_matrix/media/v3/upload".to_owned(), "/nowhere".to_owned()];
    for path in paths {
        let answer = world.anyone().ask(Method::OPTIONS, &path).await;
        answer.status_is(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let allowed = answer.header("access-control-allow-methods").unwrap_or_default();
            assert!(allowed.contains(method), "{path}: {allowed}");
        }
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        assert!(headers.contains("Authorization") && headers.contains("Content-Type"), "{headers}");
    }
    // Errors need CORS headers too, or a web client cannot show the reason.
    let refused = world.anyone().get(v3!("sync")).await;
    refused.refused(401, "M_MISSING_TOKEN");
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    world.ends().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_said_to_be_unknown() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for path in [
        "/_matrix/client/v3/nothing",
        "/_matrix/nothing",
        "/_matrix/client/v99/sync",
        "/nothing",
        "/_matrix/client/v3/sync/",
    ] {
        alice.get(path).await.refused(404, "M_UNRECOGNIZED");
    }
    for (method, path) in
        [(Method::DELETE, "sync"), (Method::PUT, "login"), (Method::PATCH, "createRoom"), (Method::POST, "sync")]
    {
        let path = format!("/_matrix/client/v3/{path}");
        alice.ask(method, &path).await.refused(405, "M_UNRECOGNIZED");
    }
    world.ends().await;
}

#[tokio::test]
async fn bodies_and_addresses_have_a_size() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let large = json!({ "x": "y".repeat(3 * 1024 * 1024) });
    alice.post(v3!("createRoom"), large).await.refused(413, "M_TOO_LARGE");
    let long = format!("/_matrix/client/v3/sync?filter={}", "x".repeat(20_000));
    assert_eq!(alice.get(long).await.status, 414);
    alice.syncs().await;
    world.ends().await;
}

#[tokio::test]
async fn the_server_says_what_it_can_do() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let able = alice.get(v3!("capabilities")).await.ok();
    let versions = &able["capabilities"]["m.room_versions"];
    assert_eq!(versions["default"], world.config().rooms.default_version.as_str());
    for version in ["6", "7", "8", "9", "10", "11", "12"] {
        assert_eq!(versions["available"][version], "stable", "{versions}");
    }
    assert_eq!(able["capabilities"]["m.change_password"]["enabled"], true);
    world.ends().await;
}

#[tokio::test]
async fn old_clients_find_things_at_old_paths() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    alice.get("/_matrix/client/r0/sync").await.ok();
    alice.get("/_matrix/client/r0/account/whoami").await.ok();
    alice.get("/_matrix/client/r0/pushrules/").await.ok();
    // Hydrogen signs its device there.
    alice.post("/_matrix/client/r0/keys/signatures/upload", json!({})).await.ok();
    alice.get("/_matrix/client/unstable/thirdparty/protocols").await.ok();
    let versions = alice.get("/_matrix/client/versions").await.ok();
    assert!(list(&versions["versions"]).contains(&json!("r0.5.0")), "{versions}");
    assert_eq!(versions["unstable_features"]["uk.half-shot.msc2666.query_mutual_rooms"], true);
    let by_query = world.anyone().get(v3!("account/whoami")).query(&[("access_token", &alice.token)]).await.ok();
    assert_eq!(by_query["user_id"], alice.id.as_str());
    world.ends().await;
}
