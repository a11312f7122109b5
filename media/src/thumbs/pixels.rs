//! Decoded images and resizing.

use super::ThumbError;
use super::size::TargetSize;
use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, MulDiv, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// The channels of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    pub(super) fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    fn pixel_type(self) -> PixelType {
        match self {
            Self::Gray => PixelType::U8,
            Self::GrayAlpha => PixelType::U8x2,
            Self::Rgb => PixelType::U8x3,
            Self::Rgba => PixelType::U8x4,
        }
    }
}

/// A decoded image, 8 bits per channel, rows without gaps.
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) bytes: Vec<u8>,
    /// Whether colours are multiplied by alpha.
    pub(super) premultiplied: bool,
}

impl Pixels {
    /// Resizes to the target and crops what does not fit its aspect ratio. Consumes the image, so that both are
    /// in memory only while filtering.
    pub(super) fn resize(self, target: TargetSize) -> Result<Self, ThumbError> {
        if (self.width, self.height) == (target.width, target.height) && !self.premultiplied {
            return Ok(self);
        }
        let pixel_type = self.layout.pixel_type();
        let alpha = self.layout.has_alpha();
        let mut source = Image::from_vec_u8(self.width, self.height, self.bytes, pixel_type).map_err(unreadable)?;
        // In place, because the resizer's own alpha handling would copy the whole image.
        if alpha && !self.premultiplied {
            MulDiv::new().multiply_alpha_inplace(&mut source).map_err(unreadable)?;
        }
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .fit_into_destination(Some((0.5, 0.5)))
            .use_alpha(false);
        let mut small = Image::new(target.width, target.height, pixel_type);
        Resizer::new().resize(&source, &mut small, &options).map_err(unreadable)?;
        drop(source);
        if alpha {
            MulDiv::new().divide_alpha_inplace(&mut small).map_err(unreadable)?;
        }
        Ok(Self {
            width: target.width,
            height: target.height,
            layout: self.layout,
            bytes: small.into_vec(),
            premultiplied: false,
        })
    }
}

/// Wraps the error of a decoder or encoder.
pub(super) fn unreadable(error: impl std::fmt::Display) -> ThumbError {
    ThumbError::Unreadable(error.to_string())
}
