//! Uploads, downloads, thumbnails and deletion, on a real database and real files.

use std::sync::Arc;

use bytes::Bytes;
use hearth_base::clock::ManualClock;
use hearth_base::config::Config;
use hearth_base::{Reason, Result, Seams};
use hearth_core::Requester;
use hearth_rooms::testing;

use super::*;

const SERVER: &str = "home.example";
const NOW_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A server with two users.
struct World {
    media: LocalMedia,
    clock: Arc<ManualClock>,
    alice: Requester,
    bob: Requester,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let seams = Seams { clock: clock.clone(), ..Seams::system() };
        let core = testing::core(&folder, seams, |config| {
            config.rate_limits.enabled = false;
            configure(config);
        });
        let rates = Arc::new(Rates::new(core.config.clone(), core.seams.clock.clone()));
        let (alice, bob) =
            (testing::user(&core, "@alice:home.example").await, testing::user(&core, "@bob:home.example").await);
        let media = LocalMedia::of(&Arc::new(Media::new(core, rates).expect("a folder for media")));
        Self { media, clock, alice, bob, _folder: folder }
    }

    /// Alice uploads bytes; returns the media ID.
    async fn uploads(&self, bytes: &[u8]) -> String {
        id(&finish(self.media.upload(&self.alice, png()).await, bytes).await.expect("an upload"))
    }

    /// Alice reserves a media ID.
    async fn announces(&self) -> Result<String> {
        self.media.announce(&self.alice).await.map(|(address, _)| id(&address))
    }

    /// Downloads an ID without waiting.
    async fn fetch(&self, id: &str) -> Result<Bytes> {
        let file = self.media.download(Some(&self.bob), SERVER, id, 0).await?;
        Ok(whole(self.media.contents(&file, None).await?))
    }

    async fn files(&self) -> u64 {
        self.media.stored().await.expect("a folder").files
    }

    /// Sweeps the whole store.
    async fn sweeps(&self) {
        for _ in 0..=u8::MAX {
            self.media.upkeep().await.expect("upkeep");
        }
    }
}

fn png() -> Described {
    Described { content_type: Some("image/png".to_owned()), file_name: Some("a/b.png".to_owned()), bytes: None }
}

fn id(address: &ruma::MxcUri) -> String {
    address.media_id().expect("an address").to_owned()
}

async fn finish(upload: Result<MediaUpload<'_>>, bytes: &[u8]) -> Result<ruma::OwnedMxcUri> {
    let mut upload = upload?;
    upload.write(Bytes::copy_from_slice(bytes)).await?;
    upload.finish().await
}

fn whole(contents: Contents) -> Bytes {
    match contents {
        Contents::Whole(bytes) => bytes,
        Contents::Chunks { .. } => panic!("longer than a test's file"),
    }
}

fn reason<T>(result: Result<T>) -> Option<Reason> {
    result.err().and_then(|error| error.reason())
}

/// A single-colour image, in the one format that needs no encoder.
fn gif(width: u8, height: u8) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend([width, 0, height, 0, 0x80, 0, 0, 10, 20, 30, 0, 0, 0]);
    bytes.extend([0x2c, 0, 0, 0, 0, width, 0, height, 0, 0, 2]);
    // LZW with 3-bit codes that never grow: a clear code before every second pixel.
    let (mut bits, mut count, mut data) = (0_u32, 0, Vec::new());
    let pixels = usize::from(width) * usize::from(height);
    let codes = (0..pixels).flat_map(|pixel| if pixel % 2 == 0 { vec![4, 0] } else { vec![0] }).chain([5]);
    for code in codes {
        bits |= code << count;
        count += 3;
        while count >= 8 {
            data.push((bits & 0xff) as u8);
            (bits, count) = (bits >> 8, count - 8);
        }
    }
    data.push((bits & 0xff) as u8);
    for block in data.chunks(255) {
        bytes.push(block.len() as u8);
        bytes.extend(block);
    }
    bytes.extend([0, 0x3b]);
    bytes
}

#[tokio::test]
async fn what_is_uploaded_comes_back_as_it_was() {
    let world = World::new().await;
    let id = world.uploads(b"some bytes").await;
    assert!(id.len() >= 24);
    let file = world.media.download(Some(&world.bob), SERVER, &id, 0).await.expect("a file");
    assert_eq!((file.content_type.as_str(), file.file_name.as_deref(), file.bytes), ("image/png", Some("a_b.png"), 10));
    let range = ranges::ByteRange::new(5, 7);
    assert_eq!(whole(world.media.contents(&file, range).await.expect("a part")), &b"byt"[..]);
    assert_eq!(world.fetch(&id).await.expect("a file"), &b"some bytes"[..]);

    let empty = world.uploads(b"").await;
    assert_eq!(world.fetch(&empty).await.expect("an empty file"), Bytes::new());
}

#[tokio::test]
async fn what_a_browser_would_run_is_not_shown() {
    let world = World::new().await;
    for (bytes, shown) in [(&b"plain"[..], serving::Disposition::Inline), (b"<svg>", serving::Disposition::Attachment)]
    {
        let id = world.uploads(bytes).await;
        let file = world.media.download(Some(&world.bob), SERVER, &id, 0).await.expect("a file");
        assert_eq!(file.disposition, shown);
    }
}

#[tokio::test]
async fn nothing_is_found_by_strange_names() {
    let world = World::new().await;
    let id = world.uploads(b"x").await;
    for (server, id) in
        [("other.example", id.as_str()), (SERVER, "../hearth.db"), (SERVER, ""), (SERVER, "nosuchmedia")]
    {
        assert_eq!(reason(world.media.download(Some(&world.bob), server, id, 0).await), Some(Reason::NotFound), "{id}");
    }
}

#[tokio::test]
async fn too_much_is_refused_as_soon_as_it_is_known() {
    let world = World::with(|config| config.media.max_upload_mib = 1).await;
    let mib = vec![0; 1024 * 1024];
    let told = Described { bytes: Some(1024 * 1024 + 1), ..png() };
    assert_eq!(reason(world.media.upload(&world.alice, told).await), Some(Reason::TooLarge));
    let mut upload = world.media.upload(&world.alice, png()).await.expect("a beginning");
    upload.write(mib.into()).await.expect("just as much as is allowed");
    assert_eq!(reason(upload.write(Bytes::from_static(b"x")).await), Some(Reason::TooLarge));
    assert_eq!(world.files().await, 0);
}

#[tokio::test]
async fn announced_media_is_waited_for() {
    let world = World::new().await;
    let id = world.announces().await.expect("an id");
    assert_eq!(reason(world.fetch(&id).await), Some(Reason::NotYetUploaded));
    let waits = world.media.download(Some(&world.bob), SERVER, &id, 60_000);
    let comes = async {
        tokio::task::yield_now().await;
        finish(world.media.upload_to(&world.alice, SERVER, &id, png()).await, b"late").await
    };
    let (file, address) = tokio::join!(waits, comes);
    assert_eq!(file.expect("a file").bytes, 4);
    assert!(address.expect("an address").as_str().ends_with(&id));
}

#[tokio::test]
async fn announced_media_is_uploaded_once_by_its_creator_and_in_time() {
    let world = World::new().await;
    let (media, alice, bob) = (&world.media, &world.alice, &world.bob);
    let id = world.announces().await.expect("an id");
    assert_eq!(reason(media.upload_to(bob, SERVER, &id, png()).await), Some(Reason::Forbidden));
    // Of two concurrent uploads, the second one fails and leaves no file behind.
    let (first, second) =
        (media.upload_to(alice, SERVER, &id, png()).await, media.upload_to(alice, SERVER, &id, png()).await);
    finish(first, b"first").await.expect("an upload");
    assert_eq!(reason(finish(second, b"second").await), Some(Reason::CannotOverwriteMedia));
    assert_eq!(world.files().await, 1);
    assert_eq!(reason(media.upload_to(alice, SERVER, &id, png()).await), Some(Reason::CannotOverwriteMedia));

    let (late, begun) = (world.announces().await.expect("an id"), world.announces().await.expect("an id"));
    let in_time = media.upload_to(alice, SERVER, &begun, png()).await;
    world.clock.advance(DAY_MS);
    media.upkeep().await.expect("upkeep");
    assert_eq!(reason(world.fetch(&late).await), Some(Reason::NotFound));
    assert_eq!(reason(media.upload_to(alice, SERVER, &late, png()).await), Some(Reason::NotFound));
    finish(in_time, b"begun in time").await.expect("an upload");
}

#[tokio::test]
async fn only_so_many_uploads_may_be_outstanding() {
    let world = World::with(|config| config.media.max_pending_per_user = 2).await;
    let first = world.announces().await.expect("an id");
    world.announces().await.expect("an id");
    assert_eq!(reason(world.announces().await), Some(Reason::LimitExceeded { retry_after_ms: DAY_MS }));
    finish(world.media.upload_to(&world.alice, SERVER, &first, png()).await, b"x").await.expect("an upload");
    world.announces().await.expect("an id");
    world.clock.advance(DAY_MS);
    world.announces().await.expect("those before have expired");
}

#[tokio::test]
async fn the_same_bytes_are_one_file_until_the_last_is_deleted() {
    let world = World::new().await;
    let (one, other) = (world.uploads(b"same").await, world.uploads(b"same").await);
    assert_eq!((world.files().await, world.media.usage().await.expect("usage").files), (1, 2));
    assert_eq!(
        world.media.delete(vec![one.clone(), "none".to_owned()]).await.expect("a deletion"),
        std::slice::from_ref(&one)
    );
    assert_eq!(reason(world.fetch(&one).await), Some(Reason::NotFound));
    assert_eq!(world.fetch(&other).await.expect("the other"), &b"same"[..]);
    assert_eq!(world.media.delete(vec![other.clone()]).await.expect("a deletion"), [other]);
    assert_eq!(world.files().await, 0);
}

#[tokio::test]
async fn uploading_and_deleting_the_same_bytes_loses_none() {
    let world = World::new().await;
    for _ in 0..20 {
        let old = world.uploads(b"contested").await;
        let (deleted, new) = tokio::join!(world.media.delete(vec![old]), world.uploads(b"contested"));
        assert_eq!(deleted.expect("a deletion").len(), 1);
        assert_eq!(world.fetch(&new).await.expect("the new one"), &b"contested"[..]);
        world.media.delete(vec![new]).await.expect("a deletion");
    }
    assert_eq!(world.files().await, 0);
}

#[tokio::test]
async fn thumbnails_are_made_once_and_go_with_their_picture() {
    let world = World::new().await;
    let id = world.uploads(&gif(200, 100)).await;
    let spec = Spec { width: 32, height: 32, method: Method::Crop, animated: false };
    let thumbnail = || world.media.thumbnail(Some(&world.bob), SERVER, &id, spec, 0);
    let (first, same) = tokio::join!(thumbnail(), thumbnail());
    let (first, same) = (first.expect("a thumbnail"), same.expect("the same"));
    assert!(first.etag().is_some());
    assert_eq!((first.etag(), first.bytes), (same.etag(), same.bytes));
    assert_eq!(world.files().await, 2);
    let fresh = whole(world.media.contents(&first, None).await.expect("bytes"));
    let kept = whole(world.media.contents(&thumbnail().await.expect("kept"), None).await.expect("bytes"));
    assert_eq!(fresh, kept);
    world.media.delete(vec![id]).await.expect("a deletion");
    assert_eq!(world.files().await, 0);
}

#[tokio::test]
async fn small_pictures_are_their_own_thumbnails_and_others_have_none() {
    let world = World::new().await;
    let spec = Spec { width: 96, height: 96, method: Method::Scale, animated: true };
    let small = world.uploads(&gif(20, 10)).await;
    for _ in 0..2 {
        let file = world.media.thumbnail(Some(&world.bob), SERVER, &small, spec, 0).await.expect("itself");
        assert_eq!((file.content_type.as_str(), file.file_name.as_deref()), ("image/gif", Some("thumbnail.gif")));
    }
    for bytes in [&b"no picture"[..], b"\x89PNG\r\n\x1a\n and then nonsense"] {
        let id = world.uploads(bytes).await;
        for _ in 0..2 {
            let refused = world.media.thumbnail(Some(&world.bob), SERVER, &id, spec, 0).await;
            assert_eq!(reason(refused), Some(Reason::Unknown));
        }
    }
}

#[tokio::test]
async fn upkeep_finds_files_without_rows_and_spares_the_others() {
    let world = World::new().await;
    world.media.store_file(Bytes::from_static(b"left by a crash")).await.expect("a file");
    world.sweeps().await;
    assert_eq!(world.files().await, 1, "a database without media is taken for the wrong one");
    let id = world.uploads(b"kept").await;
    world.sweeps().await;
    assert_eq!((world.files().await, world.fetch(&id).await.expect("a file")), (1, Bytes::from_static(b"kept")));
}

#[tokio::test]
async fn the_last_access_is_known_to_the_day() {
    let world = World::new().await;
    let (used, unused) = (world.uploads(b"used").await, world.uploads(b"unused").await);
    world.clock.advance(2 * DAY_MS);
    world.fetch(&used).await.expect("a file");
    world.media.upkeep().await.expect("upkeep");
    let (rows, _) = world.media.of_user(&world.alice.user_id, 0, 10).await.expect("rows");
    let old: Vec<_> = rows.iter().filter(|row| row.accessed_ms < NOW_MS + DAY_MS).map(|row| row.id.as_str()).collect();
    assert_eq!(old, [unused.as_str()]);
}

#[tokio::test]
async fn administrators_see_how_much_there_is_of_whom() {
    let world = World::new().await;
    world.uploads(b"12345").await;
    world.uploads(b"123").await;
    finish(world.media.upload(&world.bob, png()).await, b"123").await.expect("an upload");
    let of = |files, bytes| Usage { files, bytes };
    assert_eq!(world.media.usage().await.expect("usage"), of(3, 11));
    let by_user = world.media.usage_by_user().await.expect("usage");
    let names = (world.alice.user_id.to_string(), world.bob.user_id.to_string());
    assert_eq!(by_user, [(names.0, of(2, 8)), (names.1, of(1, 3))]);
    let (rows, usage) = world.media.of_user(&world.alice.user_id, 1, 10).await.expect("rows");
    assert_eq!((rows.len(), usage), (1, of(2, 8)));
}
