//! Remote media.

use crate::harness::{Answer, Cluster, Person, v1};

async fn uploads(person: &Person, content_type: &str, name: &str, bytes: impl Into<Vec<u8>>) -> String {
    let ask = person.ask(reqwest::Method::POST, "/_matrix/media/v3/upload").query(&[("filename", name)]);
    let answer = ask.bytes(content_type, bytes).await.ok();
    let uri = answer["content_uri"].as_str().expect("an address").to_owned();
    uri.rsplit('/').next().expect("a split has a last part").to_owned()
}

async fn download(person: &Person, id: &str) -> Answer {
    person.get(v1!("media/download/{}/{}", "a.example", id)).query(&[("timeout_ms", "5000")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn media_of_others_is_fetched_once() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
    // Contains many sequences that look like the end of a part.
    let file = b"\r\n--\r\n\r".repeat(40_000);
    let id = uploads(&alice, "text/plain; charset=utf-8", "caf\u{e9}.txt", file.clone()).await;
    for _ in 0..2 {
        let got = download(&bob, &id).await;
        got.status_is(200);
        assert!(got.bytes == file, "{} bytes are others", got.bytes.len());
        assert_eq!(got.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(got.header("content-disposition").is_some_and(|text| text.contains("caf%C3%A9.txt")), "{got:?}");
    }
    let fetched = cluster.network.seen().iter().filter(|(_, call)| call.target.contains("/media/download/")).count();
    assert_eq!(fetched, 1);
    // The cached copy remains when the remote server is gone.
    cluster.network.part("a.example", "b.example");
    download(&bob, &id).await.status_is(200);
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_who_want_the_same_make_one_request() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
    let id = uploads(&alice, "application/octet-stream", "x", vec![7; 300_000]).await;
    let (one, other, third) = tokio::join!(download(&bob, &id), download(&bob, &id), download(&bob, &id));
    for got in [one, other, third] {
        assert_eq!((got.status, got.bytes.len()), (200, 300_000));
    }
    let fetched = cluster.network.seen().iter().filter(|(_, call)| call.target.contains("/media/download/")).count();
    assert_eq!(fetched, 1);
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_not_is_not_asked_for_again_and_again() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let bob = cluster.worlds[1].register("bob").await;
    for _ in 0..3 {
        download(&bob, "nothing").await.refused(404, "M_NOT_FOUND");
    }
    for bad in ["../x", "%2e%2e", "a b", ""] {
        let path = format!("/_matrix/client/v1/media/download/a.example/{}", crate::harness::encoded(bad));
        assert_eq!(bob.get(&path).await.status, 404, "{bad:?}");
    }
    bob.get(v1!("media/download/{}/{}", "not a server", "x")).await.refused(404, "M_NOT_FOUND");
    let asked = cluster.network.seen().iter().filter(|(_, call)| call.target.contains("/media/")).count();
    assert_eq!(asked, 1);
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_this_server_is_not_kept() {
    let change = |config: &mut hearth_base::config::Config| {
        if config.server.name == "b.example" {
            config.media.max_upload_mib = 1;
        }
    };
    let cluster = Cluster::with(["a.example", "b.example"], 1, change).await;
    let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
    let id = uploads(&alice, "application/octet-stream", "x", vec![7; 1_500_000]).await;
    download(&bob, &id).await.refused(413, "M_TOO_LARGE");
    cluster.ends().await;
}
