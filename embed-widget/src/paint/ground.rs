//! Below the seats: shapes, standing areas, sections, tables and booths.

use eventflow_core::seat_map::{SeatIndex, SeatStatus};

use super::{Painter, Stock, Style};
use crate::{
    sale::Flags,
    scene::{Block, Solid},
    texts::Texts,
};
use eventflow_raster::{Color, Surface, mix, readable_on};

/// Where colours of sections give way to their seats, as the radius of a seat in device pixels.
const TINT_FULL: f64 = 0.7;
const TINT_NONE: f64 = 1.5;

impl Painter<'_> {
    pub(super) fn ground(&self, surface: &mut impl Surface, stock: &mut Stock) {
        let clip = surface.clip();
        let background = if self.clear { Color::NONE } else { Color::rgb(self.theme.background) };
        surface.fill(clip, background);
        for drawing in &self.floor.drawings {
            if !self.sees(clip, drawing.bounds, 4) {
                continue;
            }
            let corners = self.corners(&drawing.corners);
            let fill = drawing.fill.or((drawing.themed && drawing.closed).then_some(self.theme.shape));
            if let Some(fill) = fill {
                surface.polygon(&corners, Color::rgb(fill));
            }
            if let Some(stroke) = drawing.stroke.or(drawing.themed.then_some(self.theme.shape_line)) {
                let width = self.projection.length(f64::from(drawing.stroke_width)) as i32;
                let width = width.max(self.line_width(1.0));
                match drawing.closed {
                    true => surface.outline(&corners, width, Color::rgb(stroke)),
                    false => corners
                        .windows(2)
                        .for_each(|pair| surface.line(pair[0], pair[1], width, Color::rgb(stroke))),
                }
            }
        }
        self.areas(surface);
        for block in &self.floor.blocks {
            if self.sees(clip, block.bounds, 3) {
                self.polygon(
                    surface,
                    &block.outline,
                    self.block_fill(block),
                    Some((1.0, self.theme.section_line)),
                );
            }
        }
        for solid in &self.floor.solids {
            if self.sees(clip, solid.bounds, 4) {
                self.solid(surface, &mut stock.texts, solid);
            }
        }
    }

    fn areas(&self, surface: &mut impl Surface) {
        let clip = surface.clip();
        for area in &self.floor.areas {
            if !self.sees(clip, area.bounds, 3) {
                continue;
            }
            let color = self.area_color(area.area);
            self.polygon(
                surface,
                &area.outline,
                self.area_fill(area.area),
                Some((1.5, self.theme.edge(color))),
            );
        }
    }

    /// The colour of an area's category; grey when nothing can be had there.
    fn area_color(&self, area: u16) -> u32 {
        let category = self.layout.ga_areas().get(usize::from(area)).and_then(|area| area.category);
        let open = self.sale.area_left(area.into()) > 0 && self.sale.category_is_on(category);
        let color = category.and_then(|category| self.colors.get(usize::from(category)));
        if open { color.copied().unwrap_or(self.theme.muted) } else { self.theme.unavailable }
    }

    pub(super) fn area_fill(&self, area: u16) -> u32 {
        mix(self.area_color(area), self.theme.section, 176)
    }

    /// From afar the colour of its category, paler the less is free; nearer a plain ground for its seats.
    pub(super) fn block_fill(&self, block: &Block) -> u32 {
        let share = ((TINT_NONE - self.radius) / (TINT_NONE - TINT_FULL)).clamp(0.0, 1.0);
        let color = block.category.and_then(|category| self.colors.get(usize::from(category)).copied());
        let Some(color) = color.filter(|_| share > 0.0) else { return self.theme.section };
        let free = f64::from(self.sale.section_free(block.section.into())) / f64::from(block.seats.max(1));
        let strength = if free > 0.0 { 0.25 + 0.6 * free } else { 0.0 };
        mix(self.theme.section, color, (256.0 * share * strength) as u32)
    }

    fn solid(&self, surface: &mut impl Surface, texts: &mut Texts, solid: &Solid) {
        let seat = SeatIndex(solid.seat);
        let flags = self.sale.flags(seat);
        let theme = self.theme;
        let (mut fill, mut line, mut ink) = (theme.shape, theme.shape_line, theme.text);
        let own = flags.has(Flags::SELECTED) || flags.has(Flags::MINE);
        if solid.booth {
            let category = self.layout.seat(seat).and_then(|seat| seat.category);
            let color =
                category.and_then(|at| self.colors.get(usize::from(at))).copied().unwrap_or(theme.muted);
            (fill, line, ink) = match () {
                () if own => (theme.selection, theme.selection, theme.mark),
                () if flags.has(Flags::ON) => (color, theme.edge(color), readable_on(color)),
                () if self.sale.status(seat) == SeatStatus::Free => {
                    (mix(color, theme.section, 190), color, theme.muted)
                }
                () => (theme.section, theme.unavailable, theme.muted),
            };
        } else if solid.whole && own {
            line = theme.selection;
        }
        self.polygon(surface, &solid.corners, fill, Some((if solid.whole { 2.0 } else { 1.0 }, line)));
        let taken = solid.booth && !own && self.sale.status(seat) != SeatStatus::Free;
        if taken && let [a, b, c, d] = solid.corners[..] {
            for (from, to) in [(a, c), (b, d)] {
                let (from, to) = (self.projection.point(from), self.projection.point(to));
                surface.line(from, to, self.line_width(1.0), Color::rgb(theme.unavailable));
            }
        }
        let label = self.layout.shown_row(solid.row);
        let room = self.projection.length(f64::from(solid.bounds.width().min(solid.bounds.height()))) / 256.0;
        let fit = room * 0.9 / (label.chars().count().max(2) as f64 * 0.6);
        let size = fit.min(16.0 * self.dpr);
        if size >= 8.0 * self.dpr
            && let Some(size) = Texts::fitting_size(size)
        {
            self.text(surface, texts, self.projection.pixel(solid.middle), Style::plain(size, ink), label);
        }
        if solid.booth && own {
            let corner = (solid.bounds.x1, solid.bounds.y0);
            self.check(surface, self.projection.point(corner), room * 0.3);
        }
    }

    /// A check mark in the upper right corner of something that has no seat's picture.
    fn check(&self, surface: &mut impl Surface, (x, y): (i32, i32), size: f64) {
        let at = |dx: f64, dy: f64| {
            (x + ((dx - 0.8) * size * 256.0) as i32, y + ((dy + 0.7) * size * 256.0) as i32)
        };
        let width = self.line_width(2.0);
        let color = Color::rgb(self.theme.mark);
        surface.line(at(-0.42, 0.04), at(-0.12, 0.34), width, color);
        surface.line(at(-0.12, 0.34), at(0.44, -0.32), width, color);
    }
}
