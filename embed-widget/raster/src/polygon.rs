//! Polygons with smooth edges: exact coverage along a line, four lines to a pixel.

use crate::Fixed;
use crate::Rect;

/// Lines looked at for each row of pixels.
const LINES: i32 = 4;
/// What a fully covered pixel adds up to.
pub const FULL: i32 = 256 * LINES;

#[derive(Debug, Clone, Copy)]
struct Edge {
    top: i32,
    bottom: i32,
    x: i64,
    y: i64,
    /// Step to the right for a step down, 16 binary places.
    slope: i64,
    winding: i32,
}

/// Keeps its buffers from one polygon to the next.
#[derive(Debug, Default)]
pub struct Filler {
    edges: Vec<Edge>,
    active: Vec<Edge>,
    crossings: Vec<(i32, i32)>,
    /// Change of coverage from pixel to pixel.
    steps: Vec<i32>,
}

impl Filler {
    /// Calls `span(y, x0, x1, coverage)` for runs of equally covered pixels; coverage is 1 to [`FULL`].
    pub fn fill(&mut self, corners: &[Fixed], clip: Rect, mut span: impl FnMut(i32, i32, i32, i32)) {
        if clip.is_empty() || corners.len() < 3 {
            return;
        }
        self.edges.clear();
        let next = corners.iter().skip(1).chain(corners.first());
        self.edges.extend(corners.iter().zip(next).filter_map(|(&from, &to)| edge(from, to)));
        let top = self.edges.iter().map(|edge| edge.top).min().unwrap_or(0) >> 8;
        let bottom = (self.edges.iter().map(|edge| edge.bottom).max().unwrap_or(0) + 255) >> 8;
        insertion_sort(&mut self.edges, |edge| edge.top);
        self.active.clear();
        self.steps.clear();
        self.steps.resize(clip.width() as usize + 2, 0);
        let mut waiting = 0;
        for y in top.max(clip.y0)..bottom.min(clip.y1) {
            while let Some(&edge) = self.edges.get(waiting)
                && edge.top < (y + 1) << 8
            {
                self.active.push(edge);
                waiting += 1;
            }
            self.active.retain(|edge| edge.bottom > y << 8);
            if let Some((from, to)) = self.row(y, clip) {
                self.spans(y, from, to, clip, &mut span);
            }
        }
    }

    /// Adds up one row of pixels; returns the first and last touched position of `steps`.
    fn row(&mut self, y: i32, clip: Rect) -> Option<(usize, usize)> {
        let (mut from, mut to) = (usize::MAX, 0);
        for line in 0..LINES {
            let at = (y << 8) + 256 / LINES * line + 128 / LINES;
            self.crossings.clear();
            for edge in &self.active {
                if edge.top <= at && at < edge.bottom {
                    let x = edge.x + (((i64::from(at) - edge.y) * edge.slope) >> 16);
                    self.crossings.push((x.clamp(-(1 << 30), 1 << 30) as i32, edge.winding));
                }
            }
            insertion_sort(&mut self.crossings, |crossing| crossing.0);
            let (mut winding, mut begun) = (0, 0);
            for at in 0..self.crossings.len() {
                let (x, turn) = self.crossings[at];
                if winding == 0 {
                    begun = x;
                }
                winding += turn;
                if winding == 0 {
                    let (low, high) = (clip.x0 << 8, clip.x1 << 8);
                    let (x0, x1) = (begun.clamp(low, high) - low, x.clamp(low, high) - low);
                    if x0 < x1 {
                        from = from.min((x0 >> 8) as usize);
                        to = to.max((x1 >> 8) as usize + 1);
                        self.step(x0, 1);
                        self.step(x1, -1);
                    }
                }
            }
        }
        (from != usize::MAX).then_some((from, to))
    }

    fn step(&mut self, x: i32, sign: i32) {
        let (pixel, part) = ((x >> 8) as usize, x & 255);
        self.steps[pixel] += sign * (256 - part);
        self.steps[pixel + 1] += sign * part;
    }

    fn spans(
        &mut self,
        y: i32,
        from: usize,
        to: usize,
        clip: Rect,
        span: &mut impl FnMut(i32, i32, i32, i32),
    ) {
        let width = clip.width() as usize;
        let (mut coverage, mut begun) = (0, from);
        for at in from..=to {
            let step = std::mem::take(&mut self.steps[at]);
            if step == 0 {
                continue;
            }
            if coverage > 0 && begun < at {
                span(y, clip.x0 + begun as i32, clip.x0 + at.min(width) as i32, coverage);
            }
            coverage += step;
            begun = at;
        }
    }
}

/// Outlines have few edges and hardly ever cross a line out of order.
fn insertion_sort<T: Copy>(items: &mut [T], key: impl Fn(&T) -> i32) {
    for at in 1..items.len() {
        let item = items[at];
        let mut to = at;
        while to > 0 && key(&items[to - 1]) > key(&item) {
            items[to] = items[to - 1];
            to -= 1;
        }
        items[to] = item;
    }
}

fn edge(from: Fixed, to: Fixed) -> Option<Edge> {
    let (upper, lower, winding) = if from.1 < to.1 { (from, to, 1) } else { (to, from, -1) };
    if upper.1 == lower.1 {
        return None;
    }
    let wide = i64::from;
    let slope = ((wide(lower.0) - wide(upper.0)) << 16) / (wide(lower.1) - wide(upper.1));
    Some(Edge { top: upper.1, bottom: lower.1, x: wide(upper.0), y: wide(upper.1), slope, winding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(corners: &[Fixed], clip: Rect) -> Vec<Vec<i32>> {
        let mut rows = vec![vec![0; clip.width() as usize]; clip.height() as usize];
        Filler::default().fill(corners, clip, |y, x0, x1, coverage| {
            for x in x0..x1 {
                rows[(y - clip.y0) as usize][(x - clip.x0) as usize] += coverage;
            }
        });
        rows
    }

    #[test]
    fn a_rectangle_covers_its_part_of_each_pixel() {
        let square = [(128, 256), (640, 256), (640, 640), (128, 640)];
        let rows = filled(&square, Rect::new(0, 0, 4, 4));
        assert_eq!(rows[0], [0; 4]);
        assert_eq!(rows[1], [FULL / 2, FULL, FULL / 2, 0]);
        assert_eq!(rows[2], [FULL / 4, FULL / 2, FULL / 4, 0]);
        assert_eq!(rows[3], [0; 4]);
    }

    #[test]
    fn a_clip_only_leaves_things_out() {
        let star = [(-900, 700), (5_000, 100), (2_900, 4_200), (1_300, -800), (3_700, 3_000)];
        let whole = filled(&star, Rect::new(0, 0, 20, 20));
        for clip in [Rect::new(3, 2, 9, 11), Rect::new(0, 15, 20, 16), Rect::new(7, 0, 8, 20)] {
            for (y, row) in (clip.y0..).zip(filled(&star, clip)) {
                let expected = &whole[y as usize][clip.x0 as usize..clip.x1 as usize];
                assert_eq!(row, expected, "{clip:?} {y}");
            }
        }
    }

    #[test]
    fn both_turns_are_filled_and_overlaps_once() {
        let twice = [(0, 0), (1024, 0), (1024, 1024), (0, 1024), (0, 0), (1024, 0), (1024, 1024), (0, 1024)];
        let mut back = twice;
        back.reverse();
        for corners in [twice, back] {
            assert_eq!(filled(&corners, Rect::new(0, 0, 4, 1)), [[FULL; 4]]);
        }
    }
}
