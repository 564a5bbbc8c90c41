//! Texts as coverage bitmaps. The browser draws them, because it knows fonts, scripts and directions; they are asked for
//! when a frame first wants them and stand from the next frame on.

use eventflow_raster::Mask;

use crate::{
    json::Json,
    lean::{Index, hash},
};

/// Font sizes in device pixels. Texts are drawn at the largest that fits, so a zoom does not want a new bitmap at every
/// step.
const SIZES: [u16; 22] =
    [7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 25, 28, 32, 36, 42, 48, 56, 66, 78, 92];
/// Texts asked for at once.
const ASK_MAX: usize = 256;
/// Bytes of bitmaps that are kept; then all are forgotten and asked for anew.
const BYTES_MAX: usize = 6 << 20;
/// Texts that are kept.
const TEXTS_MAX: usize = 20_000;
/// The width of a character in font sizes, about: what is not known before the browser has drawn the text.
const CHARACTER: f64 = 0.6;
/// The largest bitmap: a line across a large screen at the largest size.
const PIXELS_MAX: i32 = 1 << 20;

#[derive(Debug)]
struct Wish {
    id: u32,
    text: Box<str>,
    size: u16,
    bold: bool,
    /// Degrees clockwise.
    rotation: u16,
}

/// A text that was asked for. Its bitmap is there when `width` is not 0.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    start: usize,
    width: i32,
    height: i32,
    left: i32,
    top: i32,
}

#[derive(Debug, Default)]
pub struct Texts {
    /// By text and looks.
    ids: Index,
    entries: Vec<Entry>,
    coverage: Vec<u8>,
    wanted: Vec<Wish>,
    /// Nothing is asked for meanwhile: a size that is passed by is drawn for nothing.
    pub passing: bool,
    /// Texts were wanted meanwhile.
    pub missed: bool,
    /// Ids of earlier rounds are not taken for those of this one.
    first_id: u32,
}

/// A bitmap and where its top left is from the middle of the text.
#[derive(Debug, Clone, Copy)]
pub struct Drawn<'a> {
    pub mask: Mask<'a>,
    pub left: i32,
    pub top: i32,
}

impl Texts {
    /// The largest size that is not above the one wished for; `None` below the smallest.
    pub fn fitting_size(wished: f64) -> Option<u16> {
        SIZES.iter().rev().copied().find(|&size| f64::from(size) <= wished)
    }

    /// The sizes between two bounds, largest first.
    pub fn sizes(least: f64, most: f64) -> impl Iterator<Item = u16> {
        SIZES.iter().rev().copied().filter(move |&size| (least..=most).contains(&f64::from(size)))
    }

    /// How wide a text is, or will be, about, while it has no bitmap.
    pub fn width(&self, text: &str, size: u16, bold: bool) -> f64 {
        let known = self
            .find(text, size, bold, 0)
            .filter(|entry| entry.width > 0)
            .map(|entry| f64::from(entry.width));
        known.unwrap_or(text.chars().count() as f64 * CHARACTER * f64::from(size))
    }

    /// The bitmap. If it is not there yet it is asked for, and that of another size stands in for it, if there is one.
    pub fn get(&mut self, text: &str, size: u16, bold: bool, rotation: u16) -> Option<Drawn<'_>> {
        let mut found = self.find(text, size, bold, rotation);
        if found.is_none() {
            self.ask_for(text, size, bold, rotation);
        }
        if found.is_none_or(|entry| entry.width == 0)
            && let Some(at) = SIZES.iter().position(|&known| known == size)
        {
            let near = [at.wrapping_sub(1), at + 1, at.wrapping_sub(2)];
            let sizes = near.into_iter().filter_map(|at| SIZES.get(at));
            found =
                sizes.filter_map(|&size| self.find(text, size, bold, rotation)).find(|entry| entry.width > 0);
        }
        let entry = found?;
        let len = (entry.width * entry.height) as usize;
        (len > 0).then(|| Drawn {
            mask: Mask {
                width: entry.width,
                height: entry.height,
                coverage: &self.coverage[entry.start..entry.start + len],
            },
            left: entry.left,
            top: entry.top,
        })
    }

    fn find(&self, text: &str, size: u16, bold: bool, rotation: u16) -> Option<Entry> {
        let id = self.ids.get(key(text, size, bold, rotation))?;
        self.entries.get((id - self.first_id) as usize).copied()
    }

    fn ask_for(&mut self, text: &str, size: u16, bold: bool, rotation: u16) {
        if self.passing {
            self.missed = true;
            return;
        }
        if self.entries.len() >= TEXTS_MAX {
            self.reset();
        }
        let id = self.first_id + self.entries.len() as u32;
        self.entries.push(Entry::default());
        self.wanted.push(Wish { id, text: text.into(), size, bold, rotation });
        self.ids.insert(key(text, size, bold, rotation), id);
    }

    pub fn wants(&self) -> bool {
        !self.wanted.is_empty()
    }

    pub fn ask(&mut self) -> String {
        let rest = self.wanted.split_off(self.wanted.len().min(ASK_MAX));
        let asked = std::mem::replace(&mut self.wanted, rest);
        Json::array(|json| {
            for wish in &asked {
                json.braces(|json| {
                    json.key("id").number(wish.id.into());
                    json.key("size").number(wish.size.into());
                    json.key("weight").number(if wish.bold { 600 } else { 500 });
                    json.key("rotation").number(wish.rotation.into());
                    json.key("text").string(&wish.text);
                });
            }
        })
    }

    /// Takes bitmaps in; says whether there was anything to draw among them.
    pub fn add(&mut self, metrics: &[i32], coverage: &[u8]) -> bool {
        if self.coverage.len() + coverage.len() > BYTES_MAX {
            self.reset();
            return true;
        }
        let mut at = 0;
        let mut any = false;
        for text in metrics.chunks_exact(6) {
            let [id, width, height, left, top, _] = *text else { continue };
            let pixels =
                width.checked_mul(height).filter(|&pixels| width >= 0 && (0..=PIXELS_MAX).contains(&pixels));
            let Some(bitmap) = pixels.and_then(|pixels| coverage.get(at..at + pixels as usize)) else {
                return any;
            };
            at += bitmap.len();
            let entry =
                (id as u32).checked_sub(self.first_id).and_then(|at| self.entries.get_mut(at as usize));
            if let Some(entry) = entry.filter(|_| !bitmap.is_empty()) {
                *entry = Entry { start: self.coverage.len(), width, height, left, top };
                self.coverage.extend_from_slice(bitmap);
                any = true;
            }
        }
        any
    }

    pub fn reset(&mut self) {
        self.first_id += self.entries.len() as u32;
        self.ids.clear();
        self.entries.clear();
        self.coverage.clear();
        self.wanted.clear();
    }
}

fn key(text: &str, size: u16, bold: bool, rotation: u16) -> u64 {
    let [a, b] = size.to_le_bytes();
    let [c, d] = rotation.to_le_bytes();
    hash(text.bytes().chain([a, b, c, d, bold.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_size_stands_in_while_one_is_not_there() {
        let mut texts = Texts { passing: true, ..Texts::default() };
        assert!(texts.get("12", 11, false, 0).is_none() && texts.missed && !texts.wants());
        texts.passing = false;
        texts.get("12", 11, false, 0);
        assert!(texts.ask().contains(r#""size":11"#));
        texts.add(&[0, 2, 1, -1, -3, 0], &[10, 20]);
        for near in [10, 12, 13] {
            assert_eq!(texts.get("12", near, false, 0).map(|drawn| drawn.mask.width), Some(2), "{near}");
        }
        for other in [(14, false, 0), (11, true, 0), (11, false, 90)] {
            assert!(texts.get("12", other.0, other.1, other.2).is_none(), "{other:?}");
        }
        assert_eq!(texts.ask().matches("size").count(), 6, "each is asked for all the same");
    }

    #[test]
    fn texts_are_asked_for_once_and_then_there() {
        let mut texts = Texts::default();
        assert!(texts.get("12", 11, false, 0).is_none() && texts.get("12", 11, false, 0).is_none());
        assert_eq!(texts.ask(), r#"[{"id":0,"size":11,"weight":500,"rotation":0,"text":"12"}]"#);
        assert_eq!((texts.ask().as_str(), texts.wants()), ("[]", false));
        assert!(texts.add(&[0, 2, 1, -1, -3, 0], &[10, 20]));
        let drawn = texts.get("12", 11, false, 0).unwrap();
        assert_eq!(
            (drawn.mask.width, drawn.mask.coverage, drawn.left, drawn.top),
            (2, &[10, 20][..], -1, -3)
        );
        // A bitmap of before a reset is not taken for a text of after it.
        texts.reset();
        assert!(texts.get("13", 11, false, 0).is_none());
        texts.add(&[0, 2, 1, -1, -3, 0], &[10, 20]);
        assert!(texts.get("13", 11, false, 0).is_none());
        assert!(texts.ask().contains(r#""id":1"#));
    }

    #[test]
    fn bitmaps_that_do_not_fit_their_size_are_left_out() {
        let mut texts = Texts::default();
        texts.get("a", 11, false, 0);
        for metrics in
            [[0, 3, 1, 0, 0, 0], [0, -1, -2, 0, 0, 0], [0, i32::MAX, 2, 0, 0, 0], [9, 2, 1, 0, 0, 0]]
        {
            assert!(!texts.add(&metrics, &[1, 2]));
        }
        assert!(texts.get("a", 11, false, 0).is_none());
    }

    #[test]
    fn sizes_fit_from_below() {
        assert_eq!((Texts::fitting_size(13.9), Texts::fitting_size(6.0)), (Some(13), None));
        assert_eq!(Texts::fitting_size(500.0), Some(92));
    }
}
