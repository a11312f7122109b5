//! A decoded image and its resizing.

use super::ThumbError;
use super::size::TargetSize;
use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{FilterType, MulDiv, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// The channels of one pixel.
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
}

/// A decoded image, 8 bits per channel, in rows without gaps.
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) bytes: Vec<u8>,
    /// Whether the colours are premultiplied by alpha.
    pub(super) premultiplied: bool,
}

impl Pixels {
    /// Scales the image to the target's size and crops it to the target's aspect ratio. Consumes the image: it and the
    /// result are in memory together only while filtering.
    pub(super) fn resize(self, target: TargetSize) -> Result<Self, ThumbError> {
        let layout = self.layout;
        if (self.width, self.height) == (target.width, target.height) && !self.premultiplied {
            return Ok(self);
        }
        // Each pixel type of the resizer is 250 KB of code, thirteen of them in its untyped functions. Images without colours
        // are rare, so they go through the types for colours.
        let bytes = match self.layout {
            Layout::Gray => gray(&self.coloured().resize_as::<U8x3>(target)?),
            Layout::GrayAlpha => gray_alpha(&self.coloured().resize_as::<U8x4>(target)?),
            Layout::Rgb => self.resize_as::<U8x3>(target)?,
            Layout::Rgba => self.resize_as::<U8x4>(target)?,
        };
        Ok(Self { width: target.width, height: target.height, layout, bytes, premultiplied: false })
    }

    /// The same image with three equal channels in place of the gray one.
    fn coloured(mut self) -> Self {
        (self.layout, self.bytes) = match self.layout {
            Layout::Gray => (Layout::Rgb, self.bytes.iter().flat_map(|&gray| [gray; 3]).collect()),
            Layout::GrayAlpha => {
                let pixels = self.bytes.as_chunks::<2>().0.iter();
                (Layout::Rgba, pixels.flat_map(|&[gray, alpha]| [gray, gray, gray, alpha]).collect())
            }
            Layout::Rgb | Layout::Rgba => (self.layout, self.bytes),
        };
        self
    }

    fn resize_as<P: PixelTrait>(mut self, target: TargetSize) -> Result<Vec<u8>, ThumbError> {
        let alpha = self.layout.has_alpha();
        let mut source = TypedImage::<P>::from_buffer(self.width, self.height, &mut self.bytes).map_err(unreadable)?;
        // Premultiply in place: the resizer's own alpha handling would copy the whole image.
        if alpha && !self.premultiplied {
            MulDiv::new().multiply_alpha_inplace_typed(&mut source).map_err(unreadable)?;
        }
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .fit_into_destination(Some((0.5, 0.5)))
            .use_alpha(false);
        let mut bytes = vec![0; target.width as usize * target.height as usize * self.layout.channels()];
        let mut small = TypedImage::<P>::from_buffer(target.width, target.height, &mut bytes).map_err(unreadable)?;
        Resizer::new().resize_typed(&source, &mut small, &options).map_err(unreadable)?;
        drop(self.bytes);
        if alpha {
            MulDiv::new().divide_alpha_inplace_typed(&mut small).map_err(unreadable)?;
        }
        Ok(bytes)
    }
}

fn gray(rgb: &[u8]) -> Vec<u8> {
    rgb.as_chunks::<3>().0.iter().map(|&[gray, ..]| gray).collect()
}

fn gray_alpha(rgba: &[u8]) -> Vec<u8> {
    rgba.as_chunks::<4>().0.iter().flat_map(|&[gray, .., alpha]| [gray, alpha]).collect()
}

/// Converts any failure of a decoder or encoder.
pub(super) fn unreadable(error: impl std::fmt::Display) -> ThumbError {
    ThumbError::Unreadable(error.to_string())
}
