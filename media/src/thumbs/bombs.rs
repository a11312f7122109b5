//! Hostile images: each is refused, or decoded within bounded memory and time.

use super::make::{OriginalUse, make};
use super::samples::{gif, jpeg, picture, png, png_chunk, png_start, progressive, webp};
use super::{Method, Source, Spec, ThumbnailOutcome};
use crate::limits::THUMB_SOURCE_PIXELS_MAX;
use image::RgbImage;
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::time::Instant;

const SPEC: Spec = Spec { width: 800, height: 600, method: Method::Scale, animated: false };
const GROWTH_KIB_MAX: u64 = 64 * 1024;
/// Far above the usual time, so that a busy machine does not fail the test. A bomb would take minutes.
const MILLISECONDS_MAX: u64 = 8000;

/// Environment variable with the path of the image for [`in_a_fresh_process`].
const PICTURE: &str = "HEARTH_TEST_PICTURE";

fn status_kib(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Does nothing unless started by [`bounded`]. Memory is measured in a process that has used none before.
#[test]
#[expect(clippy::disallowed_methods, reason = "a word from a test to its own child, not a setting")]
fn in_a_fresh_process() {
    let Some(path) = env::var_os(PICTURE) else { return };
    let file = File::open(&path).unwrap();
    let (before, start) = (status_kib("VmRSS"), Instant::now());
    let outcome = make(Source::File(file), &SPEC, THUMB_SOURCE_PIXELS_MAX, OriginalUse::IfSmall);
    let (growth, took) = (status_kib("VmHWM") - before, start.elapsed());
    let result = match outcome {
        Ok(ThumbnailOutcome::Made(_)) => "made".to_owned(),
        Ok(ThumbnailOutcome::Original { .. }) => "original".to_owned(),
        Err(error) => format!("refused: {error}"),
    };
    fs::write(path, format!("{growth} {} {result}", took.as_millis())).unwrap();
}

/// Makes a thumbnail in a separate process. Fails if it exceeds memory or time. Returns `made`, `original` or
/// `refused: reason`.
fn bounded(name: &str, bytes: Vec<u8>) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "thumbs::bombs::in_a_fresh_process", "--test-threads=1"])
        .env(PICTURE, file.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    let report = fs::read_to_string(file.path()).unwrap();
    let mut parts = report.splitn(3, ' ');
    let mut number = || parts.next().unwrap().parse::<u64>().unwrap();
    let (growth, took) = (number(), number());
    assert!(growth < GROWTH_KIB_MAX && took < MILLISECONDS_MAX, "{name}: {report}");
    parts.next().unwrap().to_owned()
}

fn refused(name: &str, bytes: Vec<u8>) {
    let result = bounded(name, bytes);
    assert!(result.starts_with("refused: "), "{name}: {result}");
}

#[test]
fn a_large_photo_needs_little_memory() {
    let photo = picture(4000, 3000);
    for (name, bytes) in
        [("jpeg", jpeg(&photo)), ("png", png(&photo.clone().into())), ("progressive", progressive(4000, 3000, 20))]
    {
        assert_eq!(bounded(name, bytes), "made");
    }
    let deep = png(&image::DynamicImage::from(photo).into_rgba16().into());
    assert_eq!(bounded("png of 16 bits", deep), "made");
}

#[test]
fn headers_with_huge_dimensions() {
    for (depth, colour) in [(8, 6), (16, 6), (1, 0), (8, 3)] {
        let mut bytes = png_start(65_535, 65_535, depth, colour);
        bytes.extend(png_chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"));
        refused("png header", bytes);
    }
    refused("png, wide", png_start(0x7fff_ffff, 1, 16, 6));
    refused("png, tall", png_start(1, 0x7fff_ffff, 16, 6));
    refused("png, empty", png_start(0, 0, 8, 6));
    refused("jpeg header", progressive(1, 1, 1).into_iter().collect::<Vec<_>>()[..60].to_vec());
    let mut large = jpeg(&RgbImage::new(16, 16));
    let frame = large.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    large[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    refused("jpeg of 65535x65535", large);
    refused("progressive of 65535x65535", {
        let mut bytes = progressive(8, 8, 1);
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
        bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        bytes
    });
    let mut screen = gif(2, 2, 1);
    screen[6..10].copy_from_slice(&[0xff; 4]);
    refused("gif screen", screen);
    refused("webp canvas", b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec());
}

#[test]
fn compressed_bombs() {
    // 64 MiB of zeros per 64 KiB, as text and as colour profile.
    let zeros = png(&image::DynamicImage::new_luma8(8192, 8192));
    let start = zeros.windows(4).position(|kind| kind == b"IDAT").unwrap();
    let length = u32::from_be_bytes(zeros[start - 4..start].try_into().unwrap()) as usize;
    let deflated = &zeros[start + 4..start + 4 + length];
    for kind in [b"zTXt", b"iCCP"] {
        let small = png(&picture(1000, 1000).into());
        let mut bytes = small[..33].to_vec();
        for _ in 0..60 {
            bytes.extend(png_chunk(kind, &[b"name\0\0", deflated].concat()));
        }
        bytes.extend(&small[33..]);
        // The image data is valid, so the thumbnail is made.
        assert_eq!(bounded(std::str::from_utf8(kind).unwrap(), bytes), "made");
    }
    // 64 megapixels of black: allowed, as rows are averaged one by one.
    assert_eq!(bounded("png of 64 MP", png(&image::DynamicImage::new_luma8(8000, 8000))), "made");
    assert_eq!(bounded("jpeg of 64 MP", jpeg(&RgbImage::new(8000, 8000))), "made");
}

#[test]
fn endless_scans_and_frames() {
    refused("progressive, 5000 scans", progressive(4000, 4000, 5000));
    refused("jpeg, segments without end", [&[0xff, 0xd8][..], &[0xff, 0xfe, 0, 2].repeat(100_000)].concat());
    refused(
        "jpeg, tables without end",
        [&[0xff, 0xd8][..], &[&[0xff, 0xdb, 0xff, 0xff][..], &[0; 65_533]].concat().repeat(50)].concat(),
    );
    let moving = gif(1, 1, 2);
    // From the first frame's control block to the trailer.
    let frame = moving.windows(2).position(|pair| pair == [0x21, 0xf9]).unwrap();
    let mut many = moving[..frame].to_vec();
    for _ in 0..100_000 {
        many.extend(&moving[frame..moving.len() - 1]);
    }
    many.push(0x3b);
    assert_eq!(bounded("gif of 200000 frames", many), "made");
}

#[test]
fn truncated_and_corrupted() {
    let photo = picture(300, 200);
    let samples = [jpeg(&photo), png(&photo.clone().into()), webp(&photo), gif(300, 200, 2), progressive(300, 200, 5)];
    let spec = Spec { width: 32, height: 32, method: Method::Crop, animated: false };
    let mut random: u32 = 1;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 8
    };
    for sample in samples {
        for part in 0..40 {
            let cut = sample[..sample.len() * part / 40].to_vec();
            let _ = make(Source::Bytes(cut.into()), &spec, THUMB_SOURCE_PIXELS_MAX, OriginalUse::IfSmall);
            let mut garbled = sample.clone();
            for _ in 0..=part / 4 {
                let at = next() as usize % garbled.len();
                garbled[at] = next() as u8;
            }
            let _ = make(Source::Bytes(garbled.into()), &spec, THUMB_SOURCE_PIXELS_MAX, OriginalUse::IfSmall);
        }
    }
}
