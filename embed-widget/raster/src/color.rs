//! Colours: premultiplied RGBA in one number, red in the lowest byte, as a canvas has them in memory.

/// Premultiplied `0xAABBGGRR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Color(pub u32);

impl Color {
    pub const NONE: Self = Self(0);

    /// From `0xRRGGBB`, opaque.
    pub const fn rgb(rgb: u32) -> Self {
        Self(0xff00_0000 | ((rgb & 0xff) << 16) | rgb & 0xff00 | (rgb >> 16) & 0xff)
    }

    /// At `alpha` 0 to 256 of what it was.
    #[must_use]
    #[inline]
    pub const fn faded(self, alpha: u32) -> Self {
        let rb = (((self.0 & 0x00ff_00ff) * alpha) >> 8) & 0x00ff_00ff;
        let ag = (((self.0 >> 8) & 0x00ff_00ff) * alpha) & 0xff00_ff00;
        Self(rb | ag)
    }

    /// At coverage 0 to 255.
    #[must_use]
    #[inline]
    pub const fn covering(self, coverage: u8) -> Self {
        self.faded(coverage as u32 + (coverage as u32 >> 7))
    }

    pub const fn is_opaque(self) -> bool {
        self.0 >= 0xff00_0000
    }

    /// This colour over that one.
    #[must_use]
    #[inline]
    pub const fn over(self, under: Self) -> Self {
        let alpha = self.0 >> 24;
        let rest = 256 - alpha - (alpha >> 7);
        let rb = (((under.0 & 0x00ff_00ff) * rest + 0x0080_0080) >> 8) & 0x00ff_00ff;
        let ag = ((under.0 >> 8 & 0x00ff_00ff) * rest + 0x0080_0080) & 0xff00_ff00;
        Self(self.0.wrapping_add(rb | ag))
    }
}

/// Straight alpha from premultiplied, as `putImageData` wants it.
pub fn straight(color: u32) -> u32 {
    match color >> 24 {
        0 => 0,
        255 => color,
        alpha => {
            let channel = |shift: u32| ((color >> shift & 255) * 255 / alpha).min(255) << shift;
            alpha << 24 | channel(0) | channel(8) | channel(16)
        }
    }
}

/// `0xRRGGBB` on the way from `a` (0) to `b` (256).
pub fn mix(a: u32, b: u32, share: u32) -> u32 {
    let channel = |shift: u32| {
        let (a, b) = (a >> shift & 255, b >> shift & 255);
        ((a * (256 - share) + b * share + 128) >> 8) << shift
    };
    channel(16) | channel(8) | channel(0)
}

/// Relative luminance of `0xRRGGBB`, 0 to 1. The curve of sRGB is met to about a hundredth without a power function.
pub fn luminance(rgb: u32) -> f64 {
    let linear = |shift: u32| {
        let value = f64::from(rgb >> shift & 255) / 255.0;
        value * value * (0.7 + 0.3 * value)
    };
    0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
}

/// The contrast of WCAG, 1 to 21.
pub fn contrast(a: u32, b: u32) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    if a > b { a / b } else { b / a }
}

/// Black or white, whichever is easier to read on a colour.
pub fn readable_on(rgb: u32) -> u32 {
    if contrast(rgb, 0xff_ffff) >= contrast(rgb, 0x10_1418) { 0xff_ffff } else { 0x10_1418 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_stays_opaque_whatever_lies_over_it() {
        for alpha in 0..=256 {
            for rgb in [0, 0xff_ffff, 0x12_80fe] {
                let over = Color::rgb(rgb).faded(alpha).over(Color::rgb(0xff_ffff));
                assert!(over.is_opaque(), "{alpha} {rgb:x} {:x}", over.0);
            }
        }
        assert_eq!(Color::rgb(0x11_2233), Color(0xff33_2211));
        assert_eq!(Color::NONE.over(Color(0xff12_3456)), Color(0xff12_3456));
        assert_eq!(Color(0xff12_3456).over(Color(0xff99_9999)), Color(0xff12_3456));
    }

    #[test]
    fn contrast_is_that_of_the_guideline() {
        assert!((contrast(0, 0xff_ffff) - 21.0).abs() < 0.01);
        // #767676 on white is the well-known 4.54.
        assert!((contrast(0x76_7676, 0xff_ffff) - 4.54).abs() < 0.1);
        assert!((contrast(0xb3_261e, 0xff_ffff) - 6.54).abs() < 0.2);
        assert_eq!((readable_on(0xff_ff00), readable_on(0x2b_6cb0)), (0x10_1418, 0xff_ffff));
    }

    #[test]
    fn straight_alpha_undoes_the_multiplication() {
        let half = Color::rgb(0x40_80ff).faded(128);
        let channels = straight(half.0);
        for (shift, expected) in [(0, 0x40), (8, 0x80), (16, 0xff)] {
            assert!((channels >> shift & 255).abs_diff(expected) <= 2);
        }
        assert_eq!((straight(0), straight(0xff01_0203)), (0, 0xff01_0203));
    }
}
