//! Colours of everything but the categories.

use eventflow_raster::{contrast, luminance, mix};

/// In the order of [`set_theme`](crate::picker::Picker::set_theme); each `0xRRGGBB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub background: u32,
    pub section: u32,
    pub section_line: u32,
    pub text: u32,
    pub muted: u32,
    pub selection: u32,
    pub mark: u32,
    pub focus: u32,
    pub unavailable: u32,
    pub shape: u32,
    pub shape_line: u32,
    pub lost: u32,
}

impl Default for Theme {
    fn default() -> Self {
        Self {
            background: 0xff_ffff,
            section: 0xf3_f5f8,
            section_line: 0xcf_d6df,
            text: 0x18_202b,
            muted: 0x56_6373,
            selection: 0x14_1b26,
            mark: 0xff_ffff,
            focus: 0x0b_57d0,
            unavailable: 0xa4_aebb,
            shape: 0xe4_e8ee,
            shape_line: 0xb4_bdc9,
            lost: 0xc6_2828,
        }
    }
}

impl Theme {
    pub fn set(&mut self, colors: &[u32]) {
        let fields = [
            &mut self.background,
            &mut self.section,
            &mut self.section_line,
            &mut self.text,
            &mut self.muted,
            &mut self.selection,
            &mut self.mark,
            &mut self.focus,
            &mut self.unavailable,
            &mut self.shape,
            &mut self.shape_line,
            &mut self.lost,
        ];
        for (field, &color) in fields.into_iter().zip(colors) {
            *field = color & 0xff_ffff;
        }
    }

    pub fn is_dark(&self) -> bool {
        luminance(self.background) < 0.2
    }

    /// The edge of something of this colour: the colour itself where it stands out 3 to 1, else a darker or lighter
    /// one that does.
    pub fn edge(&self, color: u32) -> u32 {
        let towards = if self.is_dark() { 0xff_ffff } else { 0 };
        let stands_out = |edge: u32| contrast(edge, self.section).min(contrast(edge, self.background)) >= 3.0;
        let steps = (0..=8).map(|step| mix(color, towards, step * 32));
        steps.into_iter().find(|&edge| stands_out(edge)).unwrap_or(towards)
    }
}

/// `#rrggbb` as a number.
pub fn parse_color(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_stand_out_on_light_and_dark() {
        let light = Theme::default();
        let mut dark = Theme::default();
        dark.set(&[0x12_161c, 0x1b_212a]);
        assert!(dark.is_dark() && !light.is_dark() && dark.text == light.text);
        for theme in [light, dark] {
            for color in [0xff_ee33, 0xb3_261e, 0x0a_0a20, 0xff_ffff, 0, 0x7f_7f7f] {
                assert!(contrast(theme.edge(color), theme.background) >= 3.0, "{color:x}");
            }
        }
        assert_eq!(light.edge(0xb3_261e), 0xb3_261e);
        assert_eq!(
            (parse_color("#b3261e"), parse_color("b3261e"), parse_color("#b3261")),
            (Some(0xb3_261e), None, None)
        );
    }
}
