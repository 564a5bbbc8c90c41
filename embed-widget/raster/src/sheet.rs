//! Many small pictures in one buffer, each look in sixteen places within a pixel.

use crate::{Fixed, Sprite};

/// Pictures to a look: four places across a pixel and four down.
pub const PHASES: usize = 16;

#[derive(Debug, Default)]
pub struct Sheet {
    /// For each look and phase: where its picture is, times 256, plus its size; 0 = not drawn yet.
    entries: Vec<u32>,
    pixels: Vec<u32>,
}

impl Sheet {
    /// Empty, with room for so many looks.
    pub fn reset(&mut self, looks: usize) {
        self.entries.clear();
        self.entries.resize(looks * PHASES, 0);
        self.pixels.clear();
    }
    pub fn looks(&self) -> usize {
        self.entries.len() / PHASES
    }

    /// The place within its pixel that a point has, which is one of [`PHASES`]: four across, times four down.
    #[inline]
    pub fn phase((x, y): Fixed) -> usize {
        (x >> 6 & 3 | (y >> 6 & 3) << 2) as usize
    }

    #[inline]
    pub fn get(&self, look: u16, phase: usize) -> Option<Sprite<'_>> {
        let entry = self.entries.get(usize::from(look) * PHASES + phase).copied().unwrap_or(0);
        let (start, size) = ((entry >> 8) as usize, (entry & 255) as usize);
        if size == 0 {
            return None;
        }
        Some(Sprite { size: size as i32, pixels: self.pixels.get(start..start + size * size)? })
    }

    /// Room for a square picture of an odd size, below 256, which is the one of these phases from now on.
    pub fn add(&mut self, look: u16, phases: impl Iterator<Item = usize>, size: usize) -> &mut [u32] {
        let start = self.pixels.len();
        self.pixels.resize(start + size * size, 0);
        for phase in phases {
            if let Some(entry) = self.entries.get_mut(usize::from(look) * PHASES + phase) {
                *entry = (start as u32) << 8 | size as u32;
            }
        }
        &mut self.pixels[start..]
    }
}
