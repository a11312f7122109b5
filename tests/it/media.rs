//! Uploads and downloads: the bytes come back unchanged, with headers that keep browsers from executing them.

use crate::harness::{Answer, Person, World, json, v1, v3};

/// A grey PNG of this size, written by hand with uncompressed data.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for _ in 0..height {
        rows.push(0);
        rows.extend((0..width).map(|x| u8::try_from(x % 251).expect("less than 256")));
    }
    let mut zlib = vec![0x78, 0x01];
    for (index, block) in rows.chunks(65_535).enumerate() {
        let length = u16::try_from(block.len()).expect("chunks are short");
        zlib.push(u8::from((index + 1) * 65_535 >= rows.len()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(block);
    }
    let adler = rows.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    zlib.extend((adler.1 << 16 | adler.0).to_be_bytes());
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend([8, 0, 0, 0, 0]);
    for (kind, data) in [(b"IHDR", head), (b"IDAT", zlib), (b"IEND", Vec::new())] {
        file.extend(u32::try_from(data.len()).expect("small").to_be_bytes());
        let chunk = [kind.as_slice(), &data].concat();
        file.extend(&chunk);
        file.extend(crc32(&chunk).to_be_bytes());
    }
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1)))
    })
}

/// Width and height from the frame header of a JPEG.
fn jpeg_size(bytes: &[u8]) -> (u16, u16) {
    let frame = bytes.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0..=0xC2])).expect("a frame header");
    let number = |at: usize| u16::from_be_bytes([bytes[frame + at], bytes[frame + at + 1]]);
    (number(7), number(5))
}

/// Uploads a file; returns the media id.
async fn uploads(person: &Person, content_type: &str, name: &str, bytes: impl Into<Vec<u8>>) -> String {
    let ask = person.ask(reqwest::Method::POST, "/_matrix/media/v3/upload").query(&[("filename", name)]);
    let answer = ask.bytes(content_type, bytes).await.ok();
    let uri = answer["content_uri"].as_str().expect("an address").to_owned();
    uri.strip_prefix("mxc://localhost/").expect("an address of this server").to_owned()
}

async fn download(person: &Person, id: &str) -> Answer {
    person.get(v1!("media/download/{}/{}", "localhost", id)).await
}

#[tokio::test]
async fn what_was_uploaded_comes_back_byte_for_byte_and_after_a_restart() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let picture = png(40, 30);
    let id = uploads(&alice, "image/png", "cat.png", picture.clone()).await;
    world.restart().await;
    let got = download(&bob, &id).await;
    got.status_is(200);
    assert_eq!(got.bytes, picture);
    assert_eq!(got.header("content-type"), Some("image/png"));
    assert_eq!(got.header("content-length"), Some(picture.len().to_string().as_str()));
    assert!(
        got.header("content-disposition").is_some_and(|text| text.starts_with("inline") && text.contains("cat.png"))
    );
    let renamed = bob.get(v1!("media/download/{}/{}/{}", "localhost", id, "dog.png")).await;
    assert!(renamed.header("content-disposition").is_some_and(|text| text.contains("dog.png")));
    // A cached copy is not sent again.
    let etag = got.header("etag").expect("an entity tag");
    let again = bob.get(v1!("media/download/{}/{}", "localhost", id)).header("if-none-match", etag).await;
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    world.ends().await;
}

#[tokio::test]
async fn media_takes_a_token() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let id = uploads(&alice, "image/png", "cat.png", png(4, 4)).await;
    world.anyone().get(v1!("media/download/{}/{}", "localhost", id)).await.refused(401, "M_MISSING_TOKEN");
    for version in ["r0", "v1", "v3"] {
        let old = format!("/_matrix/media/{version}/download/localhost/{id}");
        world.anyone().get(&old).await.refused(404, "M_NOT_FOUND");
        alice.get(&old).await.refused(404, "M_NOT_FOUND");
    }
    let upload = world.anyone().ask(reqwest::Method::POST, "/_matrix/media/v3/upload").bytes("image/png", png(4, 4));
    upload.await.refused(401, "M_MISSING_TOKEN");
    world.ends().await;
}

#[tokio::test]
async fn browsers_never_run_what_was_uploaded() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let script = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for content_type in
        ["image/svg+xml", "text/html", "application/xhtml+xml", "text/xml", "application/javascript", "x"]
    {
        let id = uploads(&alice, content_type, "x.svg", script).await;
        let got = download(&alice, &id).await;
        got.status_is(200);
        let disposition = got.header("content-disposition").unwrap_or_default();
        assert!(disposition.starts_with("attachment"), "{content_type}: {disposition}");
        let policy = got.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("cross-origin-resource-policy"), Some("cross-origin"));
    }
    world.ends().await;
}

#[tokio::test]
async fn file_names_cannot_break_out_of_their_header() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for name in ["a\r\nset-cookie: x=1", "a\"; filename=\"b.exe", "ü \u{202e}gnp.exe", "../../etc/passwd", "x\0y", ""]
    {
        let id = uploads(&alice, "image/png", name, png(4, 4)).await;
        let got = download(&alice, &id).await;
        got.status_is(200);
        assert!(got.header("set-cookie").is_none(), "{name:?}");
        let disposition = got.header("content-disposition").unwrap_or_default();
        // A quote in the name is escaped, so that the file name ends where it should.
        assert!(!disposition.replace("\\\"", "").contains("\"b.exe"), "{name:?}: {disposition}");
        assert!(disposition.is_ascii() && !disposition.contains(['\r', '\n', '\0']), "{name:?}: {disposition}");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_part_of_a_file_can_be_asked_for() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let bytes: Vec<u8> = (0..1_000_u32).map(|n| u8::try_from(n % 256).expect("a byte")).collect();
    let id = uploads(&alice, "video/mp4", "clip.mp4", bytes.clone()).await;
    let part = async |range: &str| alice.get(v1!("media/download/{}/{}", "localhost", id)).header("range", range).await;
    for (range, start, end) in
        [("bytes=0-9", 0, 10), ("bytes=990-", 990, 1_000), ("bytes=-5", 995, 1_000), ("bytes=500-99999", 500, 1_000)]
    {
        let got = part(range).await;
        assert_eq!((got.status, &got.bytes[..]), (206, &bytes[start..end]), "{range}");
        let shown = format!("bytes {start}-{}/1000", end - 1);
        assert_eq!(got.header("content-range"), Some(shown.as_str()));
    }
    let beyond = part("bytes=1000-").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */1000")));
    assert_eq!(part("lines=1-2").await.status, 200);
    world.ends().await;
}

#[tokio::test]
async fn thumbnails_are_small_pictures() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let id = uploads(&alice, "image/png", "cat.png", png(1_000, 500)).await;
    let thumbnail = async |id: &str, query: &[(&str, &str)]| {
        alice.get(v1!("media/thumbnail/{}/{}", "localhost", id)).query(query).await
    };
    let got = thumbnail(&id, &[("width", "96"), ("height", "96"), ("method", "crop")]).await;
    got.status_is(200);
    assert_eq!(got.header("content-type"), Some("image/jpeg"));
    assert_eq!(jpeg_size(&got.bytes), (96, 96));
    let scaled = thumbnail(&id, &[("width", "320"), ("height", "240"), ("method", "scale")]).await;
    assert_eq!(jpeg_size(&scaled.bytes), (320, 160), "the shape of the picture is kept");
    // The declared content type may be false.
    let text = uploads(&alice, "image/png", "lie.png", "this is no picture").await;
    let refused = thumbnail(&text, &[("width", "96"), ("height", "96")]).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    for query in [
        [("width", "0"), ("height", "0")],
        [("width", "-1"), ("height", "9")],
        [("width", "99999999999"), ("height", "1")],
    ] {
        let answer = thumbnail(&id, &query).await;
        assert!(answer.status == 200 || (400..500).contains(&answer.status), "{query:?}: {}", answer.text());
    }
    world.ends().await;
}

#[tokio::test]
async fn a_bomb_of_pixels_is_not_unpacked() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let mut bomb = png(8, 8);
    // The header declares 65,535 by 65,535 pixels, with a correct checksum.
    bomb[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    let checksum = crc32(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&checksum);
    let id = uploads(&alice, "image/png", "bomb.png", bomb).await;
    let query = [("width", "96"), ("height", "96")];
    let refused = alice.get(v1!("media/thumbnail/{}/{}", "localhost", id)).query(&query).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    download(&alice, &id).await.status_is(200);
    world.ends().await;
}

#[tokio::test]
async fn an_announced_upload_can_be_made_once_by_its_owner() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let made = alice.post("/_matrix/media/v1/create", json!({})).await.ok();
    let id = made["content_uri"]
        .as_str()
        .and_then(|uri| uri.strip_prefix("mxc://localhost/"))
        .expect("an address")
        .to_owned();
    let early = bob.get(v1!("media/download/{}/{}", "localhost", id)).query(&[("timeout_ms", "0")]).await;
    early.refused(504, "M_NOT_YET_UPLOADED");
    let path = format!("/_matrix/media/v3/upload/localhost/{id}");
    let put = |person: &Person| person.ask(reqwest::Method::PUT, &path).bytes("image/png", png(4, 4));
    put(&bob).await.refused(403, "M_FORBIDDEN");
    put(&alice).await.ok();
    put(&alice).await.refused(409, "M_CANNOT_OVERWRITE_MEDIA");
    download(&bob, &id).await.status_is(200);
    world.ends().await;
}

#[tokio::test]
async fn ids_lead_to_media_and_nowhere_else() {
    let world = World::with(|config| config.media.max_upload_mib = 1).await;
    let alice = world.register("alice").await;
    for id in ["../hearth.db", "..%2f..%2fhearth.db", ".", "..", "a\0b", "nothing", &"x".repeat(300), "a/b", "%00"] {
        let answer = alice.get(v1!("media/download/{}/{}", "localhost", id)).await;
        assert!(matches!(answer.status, 400 | 404), "{id:?}: {} {}", answer.status, answer.text());
    }
    let large = alice.ask(reqwest::Method::POST, "/_matrix/media/v3/upload").bytes("image/png", vec![0; 1_100_000]);
    large.await.refused(413, "M_TOO_LARGE");
    let config = alice.get(v1!("media/config")).await.ok();
    assert_eq!(config["m.upload.size"], 1_048_576);
    alice.get(v3!("account/whoami")).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn old_paths_serve_media_without_a_token_where_the_setting_has_it_so() {
    let world = World::with(|config| config.media.unauthenticated_downloads = true).await;
    let alice = world.register("alice").await;
    let picture = png(4, 4);
    let id = uploads(&alice, "image/png", "cat.png", picture.clone()).await;
    for version in ["r0", "v1", "v3"] {
        let path = |rest: &str| format!("/_matrix/media/{version}/{rest}");
        let got =
            world.anyone().get(path(&format!("download/localhost/{id}"))).query(&[("allow_remote", "true")]).await;
        assert_eq!((got.status, &*got.bytes), (200, &*picture));
        let named = world.anyone().get(path(&format!("download/localhost/{id}/dog.png"))).await;
        assert!(named.header("content-disposition").is_some_and(|value| value.contains("dog.png")));
        let thumbnail = world.anyone().get(path(&format!("thumbnail/localhost/{id}")));
        let thumbnail = thumbnail.query(&[("width", "32"), ("height", "32"), ("method", "crop")]).await;
        assert_eq!((thumbnail.status, thumbnail.header("content-type")), (200, Some("image/png")));
        // A token is optional, but an invalid one is refused.
        alice.get(path(&format!("download/localhost/{id}"))).await.status_is(200);
        let guess = world.anyone().with_token("a guess");
        guess.get(path(&format!("download/localhost/{id}"))).await.refused(401, "M_UNKNOWN_TOKEN");
        world.anyone().get(path("download/localhost/nothing")).await.refused(404, "M_NOT_FOUND");
        let remote = world.anyone().get(path("download/elsewhere.example/abc")).query(&[("allow_remote", "false")]);
        remote.await.refused(404, "M_NOT_FOUND");
    }
    world.anyone().get(v1!("media/download/{}/{}", "localhost", id)).await.refused(401, "M_MISSING_TOKEN");
    world.ends().await;
}
