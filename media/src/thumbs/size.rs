//! The size for a request: one of those that the specification recommends (client-server API, "Thumbnails"), so
//! that the number of stored thumbnails is bounded.

/// How an image of another aspect ratio is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// The whole image, within the requested size.
    Scale,
    /// The centre of the image, filling the requested size.
    Crop,
}

/// A request for a thumbnail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Requested width in pixels.
    pub width: u32,
    /// Requested height in pixels.
    pub height: u32,
    /// The resizing method.
    pub method: Method,
    /// Whether an animation is acceptable. If not, the result is never animated.
    pub animated: bool,
}

/// A size in which thumbnails are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StandardSize {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The resizing method.
    pub method: Method,
}

const fn standard(width: u32, height: u32, method: Method) -> StandardSize {
    StandardSize { width, height, method }
}

const CROPS: [StandardSize; 2] = [standard(32, 32, Method::Crop), standard(96, 96, Method::Crop)];
// The two small ones are not in the specification's list. Clients request avatars with them too, and the next
// larger size would be the whole image.
const SCALES: [StandardSize; 4] = [
    standard(32, 32, Method::Scale),
    standard(96, 96, Method::Scale),
    standard(320, 240, Method::Scale),
    standard(640, 480, Method::Scale),
];
const LARGEST: StandardSize = standard(800, 600, Method::Scale);

impl Spec {
    /// The smallest standard size that satisfies the request, or the largest one.
    ///
    /// A crop above 96x96 gets a scaled image, which is sharp enough for the client to crop.
    pub fn standard(&self) -> StandardSize {
        let satisfies = |size: &&StandardSize| size.width >= self.width && size.height >= self.height;
        let crop = CROPS.iter().filter(|_| self.method == Method::Crop).find(satisfies);
        *crop.or_else(|| SCALES.iter().find(satisfies)).unwrap_or(&LARGEST)
    }
}

/// The dimensions of the thumbnail, and those needed from the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TargetSize {
    /// Size of the thumbnail.
    pub(super) width: u32,
    pub(super) height: u32,
    /// A decoded image of this size or larger has all the detail that the thumbnail shows.
    pub(super) needed_width: u32,
    pub(super) needed_height: u32,
}

impl TargetSize {
    /// A thumbnail of the image's own size.
    pub(super) fn same(width: u32, height: u32) -> Self {
        Self { width, height, needed_width: width, needed_height: height }
    }

    /// Swaps width and height.
    pub(super) fn turned(self) -> Self {
        Self {
            width: self.height,
            height: self.width,
            needed_width: self.needed_height,
            needed_height: self.needed_width,
        }
    }
}

impl StandardSize {
    /// The target for an image of this size. `None` if it would not become smaller.
    pub(super) fn target(self, width: u32, height: u32) -> Option<TargetSize> {
        let (across, down) = (f64::from(self.width) / f64::from(width), f64::from(self.height) / f64::from(height));
        let factor = match self.method {
            Method::Scale => across.min(down),
            Method::Crop => across.max(down),
        };
        if factor >= 1.0 {
            return None;
        }
        let shrunk = |length: u32| ((f64::from(length) * factor).round() as u32).max(1);
        let (needed_width, needed_height) = (shrunk(width), shrunk(height));
        Some(match self.method {
            Method::Scale => TargetSize::same(needed_width, needed_height),
            Method::Crop => TargetSize { width: self.width, height: self.height, needed_width, needed_height },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, Spec, TargetSize};

    fn standard(width: u32, height: u32, method: Method) -> (u32, u32, Method) {
        let size = Spec { width, height, method, animated: false }.standard();
        (size.width, size.height, size.method)
    }

    #[test]
    fn requests_get_the_smallest_sufficient_size() {
        use Method::{Crop, Scale};
        for (asked, expected) in [
            ((32, 32, Crop), (32, 32, Crop)),
            ((33, 1, Crop), (96, 96, Crop)),
            ((97, 97, Crop), (320, 240, Scale)),
            ((0, 0, Crop), (32, 32, Crop)),
            ((1, 1, Scale), (32, 32, Scale)),
            ((64, 64, Scale), (96, 96, Scale)),
            ((97, 1, Scale), (320, 240, Scale)),
            ((320, 241, Scale), (640, 480, Scale)),
            ((100, 600, Scale), (800, 600, Scale)),
            ((u32::MAX, u32::MAX, Scale), (800, 600, Scale)),
            ((u32::MAX, 0, Crop), (800, 600, Scale)),
        ] {
            assert_eq!(standard(asked.0, asked.1, asked.2), expected, "{asked:?}");
        }
    }

    #[test]
    fn images_are_never_enlarged() {
        let scale = Spec { width: 800, height: 600, method: Method::Scale, animated: false }.standard();
        assert_eq!(scale.target(4000, 3000), Some(TargetSize::same(800, 600)));
        assert_eq!(scale.target(3000, 4000), Some(TargetSize::same(450, 600)));
        assert_eq!(scale.target(u32::MAX, 1), Some(TargetSize::same(800, 1)));
        assert_eq!(scale.target(800, 600), None);
        let crop = Spec { width: 96, height: 96, method: Method::Crop, animated: false }.standard();
        let expected = TargetSize { width: 96, height: 96, needed_width: 128, needed_height: 96 };
        assert_eq!(crop.target(4000, 3000), Some(expected));
        assert_eq!(crop.target(96, 5000), None);
    }
}
