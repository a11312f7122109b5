//! Encodes thumbnails.

use super::pixels::{Layout, Pixels, unreadable};
use super::{Thumb, ThumbError};
use crate::limits::THUMB_JPEG_QUALITY_PERCENT;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer};

/// Applies the orientation and encodes: as PNG if any pixel is transparent, else as JPEG.
pub(super) fn encode(pixels: Pixels, orientation: Orientation) -> Result<Thumb, ThumbError> {
    let mut picture = dynamic(pixels).ok_or_else(|| unreadable("its size and its pixels do not match"))?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width(), picture.height());
    let mut bytes = Vec::new();
    let content_type = if is_transparent(&picture) {
        picture.write_with_encoder(PngEncoder::new(&mut bytes)).map_err(unreadable)?;
        "image/png"
    } else {
        let opaque = match picture {
            DynamicImage::ImageLumaA8(_) => picture.into_luma8().into(),
            DynamicImage::ImageRgba8(_) => picture.into_rgb8().into(),
            other => other,
        };
        let encoder = JpegEncoder::new_with_quality(&mut bytes, THUMB_JPEG_QUALITY_PERCENT);
        DynamicImage::write_with_encoder(&opaque, encoder).map_err(unreadable)?;
        "image/jpeg"
    };
    Ok(Thumb { bytes, content_type, width, height })
}

fn dynamic(pixels: Pixels) -> Option<DynamicImage> {
    let Pixels { width, height, layout, bytes, .. } = pixels;
    match layout {
        Layout::Gray => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8),
        Layout::GrayAlpha => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLumaA8),
        Layout::Rgb => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
        Layout::Rgba => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8),
    }
}

/// Whether any pixel is transparent. Many images have an unused alpha channel; those become JPEG.
fn is_transparent(picture: &DynamicImage) -> bool {
    match picture {
        DynamicImage::ImageLumaA8(picture) => picture.pixels().any(|pixel| pixel.0[1] < u8::MAX),
        DynamicImage::ImageRgba8(picture) => picture.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        _ => false,
    }
}
