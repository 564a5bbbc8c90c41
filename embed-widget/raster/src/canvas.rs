//! The surface in memory.

use crate::Rect;
use crate::{Color, Filler, Fixed, Mask, Place, Projection, Sheet, Sprite, Surface, polygon::FULL};

#[derive(Debug, Default)]
pub struct Canvas {
    width: i32,
    height: i32,
    clip: Option<Rect>,
    pixels: Vec<u32>,
    filler: Filler,
}

impl Canvas {
    pub fn resize(&mut self, width: i32, height: i32) {
        (self.width, self.height, self.clip) = (width, height, None);
        self.pixels.clear();
        self.pixels.resize((width * height) as usize, 0);
    }

    pub fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }
    pub fn set_clip(&mut self, clip: Rect) {
        self.clip = Some(clip.and(self.bounds()));
    }

    pub fn copy_from(&mut self, other: &Self) {
        self.pixels.clone_from(&other.pixels);
    }

    /// Moves the whole picture; what comes in at the edges is left as it was, to be painted.
    pub fn scroll(&mut self, dx: i32, dy: i32) {
        let (width, height) = (self.width, self.height);
        if dx.abs() >= width || dy.abs() >= height {
            return;
        }
        let shift = dy * width + dx;
        let len = self.pixels.len() as i32;
        // As one block: the columns that come around at the other side are painted anew anyway.
        let (from, to) = (0.max(-shift), len.min(len - shift));
        self.pixels.copy_within(from as usize..to as usize, (from + shift) as usize);
    }

    /// A small sprite that lies inside of the clip; its size is known when this is compiled.
    fn stamp<const SIZE: usize>(&mut self, left: i32, top: i32, pixels: &[u32]) {
        let width = self.width as usize;
        let (rows, _) = pixels.as_chunks::<SIZE>();
        let from = (top * self.width + left) as usize;
        let lines = self.pixels.get_mut(from..).unwrap_or_default().chunks_mut(width);
        for (row, line) in rows.iter().zip(lines) {
            if let Some(line) = line.first_chunk_mut::<SIZE>() {
                for (pixel, &source) in line.iter_mut().zip(row) {
                    *pixel = Color(source).over(Color(*pixel)).0;
                }
            }
        }
    }

    fn row(&mut self, y: i32, x0: i32, x1: i32) -> &mut [u32] {
        let start = (y * self.width) as usize;
        &mut self.pixels[start + x0 as usize..start + x1 as usize]
    }
}

fn blend(row: &mut [u32], color: Color) {
    if color.is_opaque() {
        row.fill(color.0);
    } else {
        for pixel in row {
            *pixel = color.over(Color(*pixel)).0;
        }
    }
}

impl Surface for Canvas {
    fn clip(&self) -> Rect {
        self.clip.unwrap_or(self.bounds())
    }

    fn fill(&mut self, rect: Rect, color: Color) {
        let rect = rect.and(self.clip());
        if rect.is_empty() {
            return;
        }
        for y in rect.y0..rect.y1 {
            blend(self.row(y, rect.x0, rect.x1), color);
        }
    }

    fn polygon(&mut self, corners: &[Fixed], color: Color) {
        let mut filler = std::mem::take(&mut self.filler);
        filler.fill(corners, self.clip(), |y, x0, x1, coverage| {
            let color = if coverage >= FULL { color } else { color.faded((coverage / (FULL / 256)) as u32) };
            blend(self.row(y, x0, x1), color);
        });
        self.filler = filler;
    }

    fn line(&mut self, from: Fixed, to: Fixed, width: i32, color: Color) {
        let point = |(x, y): Fixed| (x as f32 / 256.0, y as f32 / 256.0);
        let ((ax, ay), (bx, by)) = (point(from), point(to));
        let (dx, dy) = (bx - ax, by - ay);
        let length = (dx * dx + dy * dy).sqrt();
        let (ux, uy) = if length > 0.0 { (dx / length, dy / length) } else { (1.0, 0.0) };
        let reach = width as f32 / 512.0 + 0.5;
        let clip = self.clip();
        let (top, bottom) = ((ay.min(by) - reach).floor() as i32, (ay.max(by) + reach).ceil() as i32);
        for y in top.max(clip.y0)..bottom.min(clip.y1) {
            let cy = y as f32 + 0.5;
            // The part of the line that is near to this row, and what is beside it.
            let (mut x0, mut x1) = (ax.min(bx), ax.max(bx));
            if uy.abs() > 0.01 {
                let near = |y: f32| ax + (y - ay) * (ux / uy);
                let (a, b) = (near(cy - reach), near(cy + reach));
                x0 = x0.max(a.min(b));
                x1 = x1.min(a.max(b));
            }
            let spread = reach + 1.0;
            let from = ((x0 - spread).floor() as i32).max(clip.x0);
            let to = ((x1 + spread).ceil() as i32).min(clip.x1);
            if from >= to {
                continue;
            }
            for (x, pixel) in (from..).zip(self.row(y, from, to)) {
                let (px, py) = (x as f32 + 0.5 - ax, cy - ay);
                let along = (px * ux + py * uy).max(0.0).min(length);
                let (ex, ey) = (px - along * ux, py - along * uy);
                let coverage = reach - (ex * ex + ey * ey).sqrt();
                if coverage > 0.0 {
                    let share = (coverage.min(1.0) * 256.0) as u32;
                    *pixel = color.faded(share).over(Color(*pixel)).0;
                }
            }
        }
    }

    #[inline]
    fn sprite(&mut self, x: i32, y: i32, sprite: Sprite) {
        let (size, clip) = (sprite.size, self.clip());
        let (left, top) = (x - size / 2, y - size / 2);
        if left >= clip.x0 && top >= clip.y0 && left + size <= clip.x1 && top + size <= clip.y1 {
            // From afar there are a hundred thousand of these.
            match size {
                3 => return self.stamp::<3>(left, top, sprite.pixels),
                5 => return self.stamp::<5>(left, top, sprite.pixels),
                7 => return self.stamp::<7>(left, top, sprite.pixels),
                _ => {}
            }
        }
        let (y0, y1) = (top.max(clip.y0), (top + size).min(clip.y1));
        let (x0, x1) = (left.max(clip.x0), (left + size).min(clip.x1));
        if x0 >= x1 {
            return;
        }
        for y in y0..y1 {
            let start = ((y - top) * size) as usize;
            let source = &sprite.pixels[start + (x0 - left) as usize..start + (x1 - left) as usize];
            for (pixel, &source) in self.row(y, x0, x1).iter_mut().zip(source) {
                *pixel = Color(source).over(Color(*pixel)).0;
            }
        }
    }

    fn places(&mut self, places: &[Place], projection: Projection, sheet: &Sheet) -> Option<usize> {
        for (at, place) in places.iter().enumerate() {
            let point = projection.point((place.x, place.y));
            let Some(sprite) = sheet.get(place.look, Sheet::phase(point)) else { return Some(at) };
            self.sprite(point.0 >> 8, point.1 >> 8, sprite);
        }
        None
    }

    fn mask(&mut self, x: i32, y: i32, mask: Mask, color: Color) {
        let clip = self.clip();
        let (y0, y1) = (y.max(clip.y0), (y + mask.height).min(clip.y1));
        let (x0, x1) = (x.max(clip.x0), (x + mask.width).min(clip.x1));
        if x0 >= x1 {
            return;
        }
        for row in y0..y1 {
            let start = ((row - y) * mask.width) as usize;
            let coverage = &mask.coverage[start + (x0 - x) as usize..start + (x1 - x) as usize];
            for (pixel, &coverage) in self.row(row, x0, x1).iter_mut().zip(coverage) {
                if coverage != 0 {
                    *pixel = color.covering(coverage).over(Color(*pixel)).0;
                }
            }
        }
    }
}
