//! Which parts of the frame have to be painted anew: tiles, so that many small changes do not become many rectangles.

use eventflow_raster::Rect;

/// Pixels of a tile's side.
const TILE: i32 = 32;
/// Beyond this share of marked tiles, in eighths, everything is painted at once.
const WHOLE_FROM: usize = 5;

#[derive(Debug, Default)]
pub struct Damage {
    width: i32,
    height: i32,
    columns: i32,
    tiles: Vec<bool>,
    marked: usize,
}

impl Damage {
    pub fn resize(&mut self, width: i32, height: i32) {
        (self.width, self.height) = (width, height);
        self.columns = (width + TILE - 1) / TILE;
        let rows = (height + TILE - 1) / TILE;
        self.tiles = vec![false; (self.columns * rows) as usize];
        self.marked = 0;
    }

    pub fn add(&mut self, rect: Rect) {
        let rect = rect.and(self.bounds());
        if rect.is_empty() {
            return;
        }
        for row in rect.y0 / TILE..=(rect.y1 - 1) / TILE {
            for column in rect.x0 / TILE..=(rect.x1 - 1) / TILE {
                let tile = &mut self.tiles[(row * self.columns + column) as usize];
                self.marked += usize::from(!*tile);
                *tile = true;
            }
        }
    }

    pub fn add_all(&mut self) {
        self.add(self.bounds());
    }

    /// The rectangles that cover what was added, and starts over. They do not overlap.
    pub fn take(&mut self) -> Vec<Rect> {
        if self.marked == 0 {
            return Vec::new();
        }
        let whole = self.marked * 8 > self.tiles.len() * WHOLE_FROM;
        let rects = if whole { vec![self.bounds()] } else { self.runs() };
        self.tiles.fill(false);
        self.marked = 0;
        rects
    }

    /// Runs of tiles in a row, joined with the same run of the row above.
    fn runs(&self) -> Vec<Rect> {
        let mut rects: Vec<Rect> = Vec::new();
        for (row, tiles) in (0..).zip(self.tiles.chunks(self.columns.max(1) as usize)) {
            let mut column = 0;
            while column < tiles.len() {
                if !tiles[column] {
                    column += 1;
                    continue;
                }
                let start = column;
                while column < tiles.len() && tiles[column] {
                    column += 1;
                }
                let (x0, x1) = (start as i32 * TILE, (column as i32 * TILE).min(self.width));
                let (y0, y1) = (row * TILE, ((row + 1) * TILE).min(self.height));
                match rects.iter_mut().rfind(|above| above.y1 == y0 && (above.x0, above.x1) == (x0, x1)) {
                    Some(above) => above.y1 = y1,
                    None => rects.push(Rect::new(x0, y0, x1, y1)),
                }
            }
        }
        rects
    }

    fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everything_added_is_covered_once(
            added in prop::collection::vec((-50..400_i32, -50..300_i32, 1..90_i32, 1..90_i32), 0..9),
        ) {
            let mut damage = Damage::default();
            damage.resize(350, 230);
            let added: Vec<Rect> = added.into_iter().map(|(x, y, w, h)| Rect::new(x, y, x + w, y + h)).collect();
            added.iter().for_each(|&rect| damage.add(rect));
            let rects = damage.take();
            for x in (0..350).step_by(7) {
                for y in (0..230).step_by(7) {
                    let holds = |rect: &Rect| (rect.x0..rect.x1).contains(&x) && (rect.y0..rect.y1).contains(&y);
                    let covers = rects.iter().filter(|rect| holds(rect)).count();
                    prop_assert!(covers <= 1);
                    prop_assert!(covers == 1 || !added.iter().any(holds));
                }
            }
            prop_assert!(damage.take().is_empty());
        }
    }
}
