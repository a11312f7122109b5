//! Thumbnails of valid images: dimensions, format, and what is refused.

use super::samples::{gif, jpeg, picture, png, progressive, webp, with_orientation};
use super::{Method, Source, Spec, Thumb, ThumbError, ThumbnailOutcome, Thumbnailer};
use crate::limits::THUMB_SOURCE_PIXELS_MAX;
use image::{DynamicImage, GrayAlphaImage, ImageFormat, LumaA, RgbImage, Rgba, RgbaImage};
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::Duration;

const ONE: NonZeroUsize = NonZeroUsize::MIN;
const SCALE: Spec = Spec { width: 320, height: 240, method: Method::Scale, animated: false };
const CROP: Spec = Spec { width: 96, height: 96, method: Method::Crop, animated: false };
const MOVING: Spec = Spec { animated: true, ..SCALE };

fn thumbnailer() -> Thumbnailer {
    Thumbnailer::new(ONE, THUMB_SOURCE_PIXELS_MAX, 4)
}

async fn outcome(bytes: Vec<u8>, spec: Spec) -> Result<ThumbnailOutcome, ThumbError> {
    thumbnailer().thumbnail(Source::Bytes(bytes.into()), spec).await
}

async fn made(bytes: Vec<u8>, spec: Spec) -> (Thumb, RgbaImage) {
    match outcome(bytes, spec).await.unwrap() {
        ThumbnailOutcome::Made(thumb) => {
            let format = if thumb.content_type == "image/png" { ImageFormat::Png } else { ImageFormat::Jpeg };
            let decoded = image::load_from_memory_with_format(&thumb.bytes, format).unwrap().into_rgba8();
            assert_eq!(decoded.dimensions(), (thumb.width, thumb.height));
            (thumb, decoded)
        }
        original => panic!("{original:?}"),
    }
}

fn is_red(pixel: &Rgba<u8>) -> bool {
    pixel.0[0] > 180 && pixel.0[1] < 70 && pixel.0[2] < 70
}

#[tokio::test]
async fn each_format_becomes_a_small_jpeg() {
    let picture = picture(1600, 1000);
    for bytes in [jpeg(&picture), png(&picture.clone().into()), webp(&picture)] {
        let (thumb, decoded) = made(bytes.clone(), SCALE).await;
        assert_eq!((thumb.width, thumb.height, thumb.content_type), (320, 200, "image/jpeg"));
        assert!(is_red(decoded.get_pixel(20, 20)) && !is_red(decoded.get_pixel(300, 190)));
        assert!(is_red(decoded.get_pixel(150, 90)) && !is_red(decoded.get_pixel(170, 110)));
        let (thumb, decoded) = made(bytes, CROP).await;
        assert_eq!((thumb.width, thumb.height), (96, 96));
        assert!(is_red(decoded.get_pixel(5, 5)) && !is_red(decoded.get_pixel(90, 90)));
    }
    let (thumb, _) = made(gif(900, 300, 3), SCALE).await;
    assert_eq!((thumb.width, thumb.height), (320, 107));
}

#[tokio::test]
async fn files_are_read_in_place() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&jpeg(&picture(1000, 1000))).unwrap();
    let outcome = thumbnailer().thumbnail(Source::File(file), SCALE).await.unwrap();
    assert!(matches!(outcome, ThumbnailOutcome::Made(Thumb { width: 240, height: 240, .. })), "{outcome:?}");
}

#[tokio::test]
async fn small_images_are_served_as_they_are() {
    let small = picture(320, 200);
    for (bytes, content_type) in
        [(jpeg(&small), "image/jpeg"), (png(&small.clone().into()), "image/png"), (webp(&small), "image/webp")]
    {
        assert_eq!(outcome(bytes, SCALE).await.unwrap(), ThumbnailOutcome::Original { content_type });
    }
}

#[tokio::test]
async fn animated_only_if_requested() {
    let original = ThumbnailOutcome::Original { content_type: "image/gif" };
    assert_eq!(outcome(gif(900, 300, 3), MOVING).await.unwrap(), original);
    assert_eq!(outcome(gif(90, 30, 3), MOVING).await.unwrap(), original);
    let (thumb, _) = made(gif(90, 30, 3), SCALE).await;
    assert_eq!((thumb.width, thumb.height), (90, 30));
    let (thumb, _) = made(jpeg(&picture(900, 300)), MOVING).await;
    assert_eq!((thumb.width, thumb.height), (320, 107));
}

#[tokio::test]
async fn exif_orientation_is_applied() {
    let bytes = jpeg(&picture(1600, 1000));
    // Position of the red corner after each orientation: right, bottom.
    let corners = [(1, 0, 0), (2, 1, 0), (3, 1, 1), (4, 0, 1), (5, 0, 0), (6, 1, 0), (7, 1, 1), (8, 0, 1)];
    for (orientation, right, bottom) in corners {
        let (thumb, decoded) = made(with_orientation(&bytes, orientation), SCALE).await;
        let expected = if orientation < 5 { (320, 200) } else { (150, 240) };
        assert_eq!((thumb.width, thumb.height), expected, "{orientation}");
        let red = |x: u32, y: u32| is_red(decoded.get_pixel(10 + x * (thumb.width - 20), 10 + y * (thumb.height - 20)));
        assert!(red(right, bottom) && !red(1 - right, 1 - bottom), "{orientation}");
    }
}

#[tokio::test]
async fn transparency_is_kept_without_bleeding_colours() {
    // Transparent pixels are bright green, which must not show.
    let alpha = RgbaImage::from_fn(2000, 1000, |x, _| {
        if x % 2 == 0 || x < 1000 { Rgba([200, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) }
    });
    for width in [2000, 500] {
        let source = image::imageops::crop_imm(&alpha, 1000 - width / 2, 0, width, 1000).to_image();
        let (thumb, decoded) = made(png(&source.into()), SCALE).await;
        assert_eq!(thumb.content_type, "image/png");
        let (left, right) = (decoded.get_pixel(10, 60).0, decoded.get_pixel(thumb.width - 10, 60).0);
        assert_eq!(left, [200, 0, 0, 255]);
        assert!(right[0] > 190 && right[1] < 10 && (120..136).contains(&right[3]), "{right:?}");
    }
    let grey = GrayAlphaImage::from_fn(2000, 1000, |_, y| LumaA([90, if y < 500 { 0 } else { 255 }]));
    let (thumb, decoded) = made(png(&grey.into()), SCALE).await;
    assert_eq!((thumb.content_type, decoded.get_pixel(5, 150).0), ("image/png", [90, 90, 90, 255]));
    let opaque = RgbaImage::from_pixel(900, 900, Rgba([9, 9, 9, 255]));
    assert_eq!(made(png(&opaque.into()), SCALE).await.0.content_type, "image/jpeg");
}

#[tokio::test]
async fn png_variants() {
    let deep = DynamicImage::from(picture(1000, 800)).into_rgba16();
    for source in [
        deep.clone().into(),
        DynamicImage::ImageLuma16(DynamicImage::from(deep).into_luma16()),
        picture(500, 400).into(),
    ] {
        let (thumb, _) = made(png(&source), SCALE).await;
        assert_eq!((thumb.width, thumb.height), (300, 240));
    }
}

#[tokio::test]
async fn progressive_jpeg() {
    let (thumb, decoded) = made(progressive(1203, 997, 9), SCALE).await;
    assert_eq!((thumb.width, thumb.height), (290, 240));
    assert!(decoded.pixels().all(|pixel| (220..236).contains(&pixel.0[0])), "{:?}", decoded.get_pixel(9, 9));
}

#[tokio::test]
async fn extreme_aspect_ratios() {
    for (width, height) in [(20_000, 10), (10, 20_000), (3000, 1), (1, 1)] {
        for spec in [SCALE, CROP, Spec { width: 32, height: 32, ..CROP }] {
            for bytes in [jpeg(&picture(width, height)), png(&picture(width, height).into())] {
                outcome(bytes, spec).await.unwrap();
            }
        }
    }
}

#[test]
fn threads_start_on_demand_and_end_when_idle() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let two = NonZeroUsize::new(2).unwrap();
        let pool = Thumbnailer::with_idle_time(two, THUMB_SOURCE_PIXELS_MAX, 1, Duration::from_millis(50));
        assert_eq!(pool.threads(), 0);
        let bytes = bytes::Bytes::from(png(&picture(2000, 2000).into()));
        let asked = (0..4).map(|_| pool.thumbnail(Source::Bytes(bytes.clone()), SCALE));
        let outcomes = futures_util::future::join_all(asked).await;
        let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(ThumbError::Busy))).count();
        let made = outcomes.iter().filter(|outcome| matches!(outcome, Ok(ThumbnailOutcome::Made(_)))).count();
        assert!(busy >= 1 && made >= 3 && busy + made == 4, "{outcomes:?}");
        assert!((1..=2).contains(&pool.threads()));
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(pool.threads(), 0);
        assert!(pool.thumbnail(Source::Bytes(bytes), SCALE).await.is_ok());
    });
}

#[tokio::test]
async fn other_file_types_have_no_thumbnail() {
    for bytes in [
        &b""[..],
        b"hello",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\0\0\0\x1cftypavif\0\0\0\0avif",
    ] {
        assert!(matches!(outcome(bytes.to_vec(), SCALE).await, Err(ThumbError::Unsupported)));
    }
    let limited = Thumbnailer::new(ONE, 1000, 1);
    let source = Source::Bytes(jpeg(&RgbImage::new(101, 10)).into());
    assert!(matches!(limited.thumbnail(source, SCALE).await, Err(ThumbError::TooLarge(_))));
}

#[tokio::test]
async fn what_is_encoded_anew_has_no_byte_of_the_original() {
    let small = RgbImage::from_pixel(40, 30, image::Rgb([200, 10, 10]));
    for original in [png(&small.clone().into()), jpeg(&small), gif(40, 30, 1), webp(&small)] {
        let original = [original, b"<script>".to_vec()].concat();
        let thumb = thumbnailer().encode_anew(Source::Bytes(original.into()), MOVING).await.unwrap();
        assert_eq!((thumb.width, thumb.height), (40, 30));
        assert!(!thumb.bytes.windows(8).any(|window| window == b"<script>"));
    }
    let large = png(&DynamicImage::ImageRgb8(RgbImage::new(640, 480)));
    let thumb = thumbnailer().encode_anew(Source::Bytes(large.into()), SCALE).await.unwrap();
    assert_eq!((thumb.width, thumb.height), (320, 240));
    let refused = thumbnailer().encode_anew(Source::Bytes(b"<svg/>".to_vec().into()), SCALE).await;
    assert!(matches!(refused, Err(ThumbError::Unsupported)));
}
