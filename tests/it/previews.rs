//! URL previews, of pages that a web server of the tests serves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_base::config::{Config, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::{Person, Value, World, json, v1, v3};

/// What the web server answers.
#[derive(Debug, Clone)]
enum Page {
    /// A status, further head lines, and a body.
    Whole(&'static str, String, Vec<u8>),
    /// A page whose body never ends.
    Endless,
}

/// A web server at 127.0.0.1, which the tests' servers may reach; 127.0.0.2 is an address that they may not.
struct Web {
    port: u16,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

fn html(body: &str) -> Page {
    Page::Whole("200 OK", "content-type: text/html; charset=utf-8\r\n".to_owned(), body.as_bytes().to_vec())
}

fn redirect(to: &str) -> Page {
    Page::Whole("302 Found", format!("location: {to}\r\n"), Vec::new())
}

fn image(kind: &str, bytes: Vec<u8>) -> Page {
    Page::Whole("200 OK", format!("content-type: {kind}\r\n"), bytes)
}

impl Web {
    #[expect(clippy::disallowed_methods, reason = "a test's own tasks")]
    async fn serves(pages: impl FnOnce(u16) -> Vec<(&'static str, Page)>) -> Self {
        // At all addresses, so that a redirect to another one of this machine would be answered.
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let pages: Arc<HashMap<_, _>> = Arc::new(pages(port).into_iter().collect());
        let asked = Arc::<AtomicUsize>::default();
        let counted = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (pages, counted) = (pages.clone(), counted.clone());
                tokio::spawn(async move { serve(stream, &pages, &counted).await });
            }
        });
        Self { port, asked, task }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the requests of a connection.
async fn serve(mut stream: TcpStream, pages: &HashMap<&'static str, Page>, asked: &AtomicUsize) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        asked.fetch_add(1, Ordering::SeqCst);
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let written = match pages.get(path) {
            Some(Page::Whole(status, lines, body)) => {
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{lines}\r\n", body.len());
                stream.write_all(&[head.as_bytes(), body].concat()).await
            }
            Some(Page::Endless) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<title>Endless</title>";
                let mut written = stream.write_all(head.as_bytes()).await;
                while written.is_ok() {
                    written = stream.write_all(&[b' '; 8_192]).await;
                }
                written
            }
            None => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await,
        };
        if written.is_err() {
            return;
        }
    }
}

/// A server with previews of all hosts, which may connect to 127.0.0.1.
async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    World::with(|config| {
        config.url_previews.domains = vec!["*".to_owned()];
        config.outgoing.allowed_ranges = vec!["127.0.0.1".parse().expect("a range")];
        change(config);
    })
    .await
}

fn preview(person: &Person, url: &str) -> crate::harness::Ask {
    person.get(v1!("media/preview_url")).query(&[("url", url)])
}

/// A picture of this size, as PNG.
fn png(width: u32, height: u32) -> Vec<u8> {
    crate::media::png(width, height)
}

#[tokio::test]
async fn a_page_shows_its_title_and_its_picture_encoded_anew() {
    let original = [png(1_200, 600), b"with a trailer".to_vec()].concat();
    let web = Web::serves(|_| {
        let page = "<html><head><title>T</title><meta property=og:title content='Bread &amp; butter'>\
            <meta name=description content='How to bake'><meta property=og:image content='/i.png'>\
            <meta property=og:image:width content=9999></head><body>…</body></html>";
        vec![
            ("/", html(page)),
            ("/i.png", image("image/png", original)),
            ("/small.png", image("image/png", png(40, 20))),
        ]
    })
    .await;
    let world = world_with(|_| {}).await;
    let alice = world.register("alice").await;
    let shown = preview(&alice, &web.url("/#fragment")).await.ok();
    assert_eq!((&shown["og:title"], &shown["og:description"]), (&json!("Bread & butter"), &json!("How to bake")));
    assert_eq!((&shown["og:image:width"], &shown["og:image:height"]), (&json!(800), &json!(400)));
    assert_eq!(shown["og:image:type"], "image/jpeg");
    let id = shown["og:image"]
        .as_str()
        .expect("a picture")
        .strip_prefix("mxc://localhost/")
        .expect("a local one")
        .to_owned();
    let file = alice.get(v1!("media/download/{}/{}", "localhost", id)).await;
    file.status_is(200);
    assert_eq!(shown["matrix:image:size"], file.bytes.len());
    // The same answer at the old paths, from the cache; nothing counts against the user.
    let asked = web.asked();
    for version in ["r0", "v3"] {
        let path = format!("/_matrix/media/{version}/preview_url");
        assert_eq!(alice.get(path).query(&[("url", &web.url("/")), ("ts", "1510610716656")]).await.ok(), shown);
    }
    assert_eq!(web.asked(), asked);
    let totals =
        world.server().domain.media.of_user(<&ruma::UserId>::try_from(alice.id.as_str()).expect("an id"), 0, 10).await;
    assert_eq!(totals.expect("totals").1.files, 0);
    // A URL of a picture; a small one is encoded anew as well.
    let shown = preview(&alice, &web.url("/small.png")).await.ok();
    assert_eq!((&shown["og:image:width"], &shown["og:image:type"]), (&json!(40), &json!("image/jpeg")));
    world.ends().await;
}

#[tokio::test]
async fn there_are_no_previews_unless_the_operator_wants_them() {
    let web = Web::serves(|_| vec![("/", html("<title>T</title>"))]).await;
    let world = World::new().await;
    let alice = world.register("alice").await;
    preview(&alice, &web.url("/")).await.refused(403, "M_FORBIDDEN");
    let capabilities = alice.get(v3!("capabilities")).await.ok();
    assert_eq!(capabilities["capabilities"]["m.preview_url"], json!({ "enabled": false }));
    world.anyone().get(v1!("media/preview_url")).await.refused(401, "M_MISSING_TOKEN");
    assert_eq!(web.asked(), 0);
    world.ends().await;
    let world = world_with(|config| config.url_previews.domains = vec!["*.example.org".to_owned()]).await;
    let alice = world.register("alice").await;
    preview(&alice, &web.url("/")).await.refused(403, "M_FORBIDDEN");
    for (url, code) in [("nonsense", "M_INVALID_PARAM"), ("file:///etc/passwd", "M_INVALID_PARAM")] {
        preview(&alice, url).await.refused(400, code);
    }
    alice.get(v1!("media/preview_url")).await.refused(400, "M_MISSING_PARAM");
    let capabilities = alice.get(v3!("capabilities")).await.ok();
    for name in ["m.preview_url", "io.element.msc4452.preview_url"] {
        assert_eq!(capabilities["capabilities"][name], json!({ "enabled": true }));
    }
    assert_eq!(web.asked(), 0);
    world.ends().await;
}

#[tokio::test]
async fn no_hop_leads_into_the_own_network() {
    let web = Web::serves(|port| {
        let inside = |host: &str| format!("http://{host}:{port}/secret");
        let picture = |at: &str| html(&format!("<title>T</title><meta property=og:image content='{at}'>"));
        vec![
            ("/secret", image("image/png", png(40, 20))),
            ("/at-once", redirect(&inside("127.0.0.2"))),
            ("/later", redirect("/at-once")),
            ("/by-name", redirect(&inside("localhost.localdomain"))),
            ("/number", redirect(&inside("2130706434"))),
            ("/mapped", redirect(&inside("[::ffff:127.0.0.2]"))),
            ("/file", redirect("file:///etc/passwd")),
            ("/loop", redirect("/loop")),
            ("/picture", picture(&inside("127.0.0.2"))),
            ("/picture-later", picture("/at-once")),
            ("/picture-good", picture("/secret")),
        ]
    })
    .await;
    let world = world_with(|_| {}).await;
    let alice = world.register("alice").await;
    let direct = format!("http://127.0.0.2:{}/secret", web.port);
    let refused = preview(&alice, &direct).await.refused(502, "M_CONNECTION_FAILED");
    assert!(!refused["error"].as_str().expect("words").contains("127."), "{refused}");
    for path in ["/at-once", "/later", "/by-name", "/number", "/mapped", "/file", "/loop"] {
        preview(&alice, &web.url(path)).await.refused(502, "M_CONNECTION_FAILED");
    }
    // The page is shown, and its picture is not fetched.
    for path in ["/picture", "/picture-later"] {
        assert_eq!(preview(&alice, &web.url(path)).await.ok(), json!({ "og:title": "T" }), "{path}");
    }
    assert!(preview(&alice, &web.url("/picture-good")).await.ok()["og:image"].is_string());
    world.ends().await;
}

#[tokio::test]
async fn redirects_have_to_stay_in_the_list_of_hosts() {
    let web = Web::serves(|port| {
        vec![
            ("/", redirect("/there")),
            ("/there", html("<title>There</title>")),
            ("/away", redirect(&format!("http://localhost:{port}/there"))),
        ]
    })
    .await;
    let world = world_with(|config| {
        config.url_previews.domains = vec!["127.0.*".to_owned()];
        config.outgoing.allow_private_addresses = true;
    })
    .await;
    let alice = world.register("alice").await;
    assert_eq!(preview(&alice, &web.url("/")).await.ok()["og:title"], "There");
    preview(&alice, &web.url("/away")).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn bombs_and_pages_without_an_end_cost_little() {
    let bomb = gzip_of_spaces(b"<title>Bomb</title>", 40_000_000);
    assert!(bomb.len() < 200_000);
    let web = Web::serves(|_| {
        let picture = |at: &str| html(&format!("<title>T</title><meta property=og:image content='{at}'>"));
        let compressed = |encoding: &str, body: Vec<u8>| {
            Page::Whole("200 OK", format!("content-type: text/html\r\ncontent-encoding: {encoding}\r\n"), body)
        };
        vec![
            ("/endless", Page::Endless),
            ("/bomb", compressed("gzip", bomb)),
            ("/other", compressed("br", b"???".to_vec())),
            ("/no-gzip", compressed("gzip", b"???".to_vec())),
            ("/endless-picture", picture("/endless")),
            ("/huge-picture", picture("/huge.png")),
            ("/huge.png", image("image/png", png(1, 1).into_iter().chain(vec![0; 2_000_000]).collect())),
            ("/no-picture", picture("/text.png")),
            ("/text.png", image("image/png", b"not a picture".to_vec())),
            ("/svg", image("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec())),
            ("/file", Page::Whole("200 OK", "content-type: application/zip\r\n".to_owned(), vec![0; 100])),
            ("/error", Page::Whole("500 Oh", "content-type: text/html\r\n".to_owned(), b"<title>E</title>".to_vec())),
        ]
    })
    .await;
    let world = world_with(|config| {
        config.url_previews.max_page_kib = 64;
        config.url_previews.max_image_mib = 1;
    })
    .await;
    let alice = world.register("alice").await;
    for (path, title) in [("/endless", "Endless"), ("/bomb", "Bomb")] {
        assert_eq!(preview(&alice, &web.url(path)).await.ok(), json!({ "og:title": title }));
    }
    for path in ["/other", "/no-gzip", "/error", "/missing"] {
        preview(&alice, &web.url(path)).await.refused(502, "M_CONNECTION_FAILED");
    }
    for path in ["/endless-picture", "/huge-picture", "/no-picture"] {
        assert_eq!(preview(&alice, &web.url(path)).await.ok(), json!({ "og:title": "T" }), "{path}");
    }
    for path in ["/svg", "/file"] {
        assert_eq!(preview(&alice, &web.url(path)).await.ok(), json!({}), "{path}");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_page_is_fetched_once_for_all_who_ask_and_failures_are_remembered() {
    let web = Web::serves(|_| vec![("/", html("<title>T</title>"))]).await;
    let world = world_with(|_| {}).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let url = web.url("/");
    let asks = (0..10).map(|n| {
        let who = if n % 2 == 0 { &alice } else { &bob };
        async { preview(who, &url).await.ok() }
    });
    let answers: Vec<Value> = futures_util::future::join_all(asks).await;
    assert!(answers.iter().all(|answer| answer["og:title"] == "T"));
    assert_eq!(web.asked(), 1);
    for _ in 0..3 {
        preview(&alice, &web.url("/missing")).await.refused(502, "M_CONNECTION_FAILED");
    }
    assert_eq!(web.asked(), 2);
    world.clock.skip(6 * 60 * 1_000);
    preview(&alice, &web.url("/missing")).await.refused(502, "M_CONNECTION_FAILED");
    assert_eq!(web.asked(), 3);
    world.ends().await;
}

#[tokio::test]
async fn each_user_has_a_rate() {
    let web = Web::serves(|_| vec![("/", html("<title>T</title>"))]).await;
    let world = world_with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.url_preview = Rate::new(0.001, 2);
    })
    .await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    preview(&alice, &web.url("/")).await.ok();
    preview(&alice, &web.url("/missing")).await.refused(502, "M_CONNECTION_FAILED");
    preview(&alice, &web.url("/other")).await.refused(429, "M_LIMIT_EXCEEDED");
    // What is in the cache costs nothing, and another user has a rate of their own.
    preview(&alice, &web.url("/")).await.ok();
    preview(&bob, &web.url("/other")).await.refused(502, "M_CONNECTION_FAILED");
    world.ends().await;
}

#[tokio::test]
async fn previews_expire_and_their_pictures_some_time_later() {
    let web = Web::serves(|_| {
        let page = html("<title>T</title><meta property=og:image content='/i.png'>");
        vec![("/", page), ("/i.png", image("image/png", png(90, 60)))]
    })
    .await;
    let world = world_with(|config| config.url_previews.cache_hours = 2).await;
    let alice = world.register("alice").await;
    let picture = |shown: &Value| {
        shown["og:image"].as_str().and_then(|uri| uri.strip_prefix("mxc://localhost/")).expect("a picture").to_owned()
    };
    let hour_ms = 60 * 60 * 1_000;
    let first = picture(&preview(&alice, &web.url("/")).await.ok());
    world.clock.skip(hour_ms);
    assert_eq!(picture(&preview(&alice, &web.url("/")).await.ok()), first);
    world.clock.skip(2 * hour_ms);
    let second = picture(&preview(&alice, &web.url("/")).await.ok());
    assert_ne!(second, first);
    world.server().domain.upkeep().await;
    for id in [&first, &second] {
        alice.get(v1!("media/download/{}/{}", "localhost", id)).await.status_is(200);
    }
    world.clock.skip(24 * hour_ms);
    world.server().domain.upkeep().await;
    alice.get(v1!("media/download/{}/{}", "localhost", first)).await.refused(404, "M_NOT_FOUND");
    alice.get(v1!("media/download/{}/{}", "localhost", second)).await.status_is(200);
    world.clock.skip(24 * hour_ms);
    world.server().domain.upkeep().await;
    assert_eq!(world.server().domain.media.usage().await.expect("totals").files, 0);
    world.ends().await;
}

/// `start` and so many spaces, compressed.
fn gzip_of_spaces(start: &[u8], spaces: usize) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(start).expect("memory");
    encoder.write_all(&vec![b' '; spaces]).expect("memory");
    encoder.finish().expect("memory")
}
