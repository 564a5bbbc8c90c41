//! Above the seats: labels of rows, texts and icons of the plan, the stage, names of sections and areas.

use eventflow_core::seat_map::IconKind;

use super::{Painter, Stock, Style};
use crate::{
    geometry::{Box2, Spot, span},
    icons::Icon,
    paint::{NEAR_RADIUS, SEEN_RADIUS},
    texts::Texts,
};
use eventflow_raster::{Color, Rect, Surface, contrast, mix, readable_on};

/// The radius from which rows have labels, in CSS pixels.
const ROWS_RADIUS: f64 = 4.5;
/// How far a label of a row may reach from its middle, in CSS pixels.
const ROWS_REACH: f64 = 60.0;
/// Pixels of a bitmap's width in which there is nothing.
const BLANK: i32 = 4;
/// Names of sections and areas, in CSS pixels, and the air around them on a plate.
const NAME_LEAST: f64 = 9.0;
const NAME_MOST: f64 = 12.0;
const AREA_MOST: f64 = 18.0;
const PAD: f64 = 3.0;
/// Texts of the plan that would be smaller are left out.
const PLAN_LEAST: f64 = 5.0;

impl Painter<'_> {
    pub(super) fn names(&self, surface: &mut impl Surface, stock: &mut Stock) {
        self.row_labels(surface, &mut stock.texts);
        self.plan_texts(surface, stock);
        self.stage(surface, &mut stock.texts);
        for area in &self.floor.areas {
            if let Some(facts) = self.layout.ga_areas().get(usize::from(area.area))
                && self.sees(surface.clip(), area.bounds, 80)
            {
                let left = self.sale.area_left(area.area.into());
                let ground = self.area_fill(area.area);
                let (outline, middle) = (&area.outline, area.middle);
                let named =
                    Named { name: &facts.name, left, outline, middle, ground, plate: false, most: AREA_MOST };
                self.name(surface, &mut stock.texts, named);
            }
        }
        // Seats that are seen as seats have the name beside them.
        let over = self.css_radius() < if self.large { NEAR_RADIUS } else { SEEN_RADIUS };
        let plate = self.radius >= super::SEATS_LEAST;
        for block in &self.floor.blocks {
            let Some(section) = self.layout.sections().get(usize::from(block.section)) else { continue };
            if !over {
                if let Some(room) = block.beside {
                    self.name_beside(surface, &mut stock.texts, &section.name, room, block.middle);
                }
            } else if self.sees(surface.clip(), block.bounds, 4) {
                let left = self.sale.section_free(block.section.into());
                let ground = if plate { self.theme.section } else { self.block_fill(block) };
                let (outline, middle) = (&block.outline, block.middle);
                let named =
                    Named { name: &section.name, left, outline, middle, ground, plate, most: NAME_MOST };
                self.name(surface, &mut stock.texts, named);
            }
        }
    }

    fn row_labels(&self, surface: &mut impl Surface, texts: &mut Texts) {
        if self.css_radius() < ROWS_RADIUS {
            return;
        }
        let part = self.projection.part(surface.clip().grown((ROWS_REACH * self.dpr) as i32));
        let size = (self.radius * 1.1).max(NAME_LEAST * self.dpr).min(14.0 * self.dpr);
        let Some(size) = Texts::fitting_size(size) else { return };
        for label in self.floor.row_labels.iter().filter(|label| part.contains(label.at)) {
            let Some(drawn) = texts.get(self.layout.shown_row(label.row), size, false, 0) else { continue };
            let (x, y) = self.projection.pixel(label.at);
            // Long labels go on outwards.
            let room = (self.radius * 1.2) as i32 + BLANK;
            let out = |length: i32, away: i8| (length - room).max(0) / 2 * i32::from(away) / 100;
            let x = x + drawn.left + out(drawn.mask.width, label.away.0);
            let y = y + drawn.top + out(drawn.mask.height, label.away.1);
            surface.mask(x, y, drawn.mask, Color::rgb(self.theme.muted));
        }
    }

    fn plan_texts(&self, surface: &mut impl Surface, stock: &mut Stock) {
        let on_floor = |floor: Option<u16>| floor.is_none_or(|floor| floor == self.floor_index);
        for text in self.layout.texts().iter().filter(|text| on_floor(text.floor)) {
            let size = self.projection.length(f64::from(text.size)) / 256.0 * 0.8;
            // Too small to be read, words are as small as can be, or nothing but specks.
            let size = if size < PLAN_LEAST * self.dpr { 0.0 } else { size.max(NAME_LEAST * self.dpr) };
            if let Some(size) = Texts::fitting_size(size) {
                let given = text.color.map(|[red, green, blue]| u32::from_be_bytes([0, red, green, blue]));
                let ink = given.filter(|&ink| contrast(ink, self.theme.background) >= 2.0);
                let rotation = ((text.rotation + 50) / 100 % 360) as u16;
                let style = Style { rotation, ..Style::plain(size, ink.unwrap_or(self.theme.text)) };
                self.text(
                    surface,
                    &mut stock.texts,
                    self.projection.pixel((text.x, text.y)),
                    style,
                    &text.text,
                );
            }
        }
        for icon in self.layout.icons().iter().filter(|icon| on_floor(icon.floor)) {
            let size = self.projection.length(f64::from(icon.size)) / 256.0;
            let size = size.min(72.0 * self.dpr) as u16;
            if f64::from(size) >= 9.0 * self.dpr {
                let plate = mix(self.theme.shape, self.theme.shape_line, 64);
                let sprite = stock.icons.get(Icon::Plan(icon.kind), size, self.theme.text, Some(plate));
                let (x, y) = self.projection.pixel((icon.x, icon.y));
                surface.sprite(x, y, sprite);
            }
        }
    }

    /// The word at the focal point, unless the plan itself shows what is there.
    fn stage(&self, surface: &mut impl Surface, texts: &mut Texts) {
        let Some(focal) = self.layout.focal_point().filter(|_| !self.stage_label.is_empty()) else { return };
        let marked = |kind: IconKind| matches!(kind, IconKind::Stage | IconKind::Screen);
        let shown = self.layout.icons().iter().any(|icon| marked(icon.kind))
            || self.floor.drawings.iter().any(|drawing| drawing.bounds.contains(focal))
            || self.floor.areas.iter().any(|area| area.bounds.contains(focal));
        if shown {
            return;
        }
        if let Some(size) = Texts::fitting_size(13.0 * self.dpr) {
            let style =
                Style { bold: true, plate: Some(self.theme.shape), ..Style::plain(size, self.theme.text) };
            // Above the spot: below it people may stand.
            let (x, y) = self.projection.pixel(focal);
            self.text(surface, texts, (x, y - (13.0 * self.dpr) as i32), style, self.stage_label);
        }
    }

    /// A name and below it how many places are left, as large as there is room inside. What does not fit is left out:
    /// the first words of the name, then the number, then all.
    fn name(&self, surface: &mut impl Surface, texts: &mut Texts, place: Named) {
        let any = place.left > 0;
        let mut left = crate::json::Json::default();
        left.number(place.left.into());
        let left = left.text();
        let last = short(place.name);
        for (name, counted) in [(place.name, any), (last, any), (place.name, false), (last, false)] {
            for size in Texts::sizes(NAME_LEAST * self.dpr, place.most * self.dpr) {
                let small = (f64::from(size) * 0.84).max(NAME_LEAST * self.dpr);
                let small = Texts::fitting_size(small).filter(|_| counted);
                let counted_width = small.map_or(0.0, |small| texts.width(&left, small, false));
                let pad = if place.plate { 2.0 * PAD * self.dpr } else { 0.0 };
                let width = texts.width(name, size, true).max(counted_width) + pad;
                let (line, lower) = (f64::from(size) * 1.3, f64::from(small.unwrap_or(0)) * 1.2);
                let height = line + lower + pad / 2.0;
                let Some((x, y)) = self.room(place.outline, place.middle, width, height) else { continue };
                if texts.get(name, size, true, 0).is_none() {
                    return;
                }
                if place.plate {
                    let (w, h) = ((width / 2.0) as i32, (height / 2.0) as i32);
                    let rect = Rect::new(x - w, y - h, x + w, y + h);
                    self.plate(surface, rect, Color::rgb(place.ground).faded(224));
                }
                let ink = if any { readable_on(place.ground) } else { self.theme.muted };
                let style = Style { bold: true, ..Style::plain(size, ink) };
                self.text(surface, texts, (x, y - (lower / 2.0) as i32), style, name);
                if let Some(small) = small {
                    let style = Style::plain(small, mix(ink, place.ground, 40));
                    self.text(surface, texts, (x, y + (line / 2.0) as i32), style, &left);
                }
                return;
            }
        }
    }

    /// Where a text of this size, in device pixels, fits into an outline, near a point in it.
    fn room(&self, outline: &[Spot], at: Spot, width: f64, height: f64) -> Option<(i32, i32)> {
        let pixel = self.projection.length(1.0) / 256.0;
        let (x, y) = (f64::from(at.0), f64::from(at.1));
        let (mut from, mut to) = (f64::MIN, f64::MAX);
        for part in [-0.5, 0.0, 0.5] {
            let (left, right) = span(outline, (x, y + part * height / pixel))?;
            (from, to) = (from.max(left), to.min(right));
        }
        let fits = (to - from) * pixel >= width;
        fits.then(|| self.projection.pixel((f64::midpoint(from, to) as i32, at.1)))
    }

    /// A name in the room beside its section, close to it.
    fn name_beside(
        &self,
        surface: &mut impl Surface,
        texts: &mut Texts,
        name: &str,
        room: Box2,
        block: Spot,
    ) {
        if !self.sees(surface.clip(), room, 8) {
            return;
        }
        let line = (NAME_MOST * 0.7 * self.dpr * 256.0 / self.projection.length(1.0)) as i32;
        let line = line.min(room.height() / 2);
        let y = if room.y0 < block.1 { room.y1 - line } else { room.y0 + line };
        let middle = ((room.x0 + room.x1) / 2, y);
        // It keeps clear of seats by more than this.
        let Box2 { x0, y0, x1, y1 } = room.grown(room.height() / 10);
        let outline = &[(x0, y0), (x1, y0), (x1, y1), (x0, y1)];
        let ground = self.theme.background;
        self.name(
            surface,
            texts,
            Named { name, left: 0, outline, middle, ground, plate: false, most: NAME_MOST },
        );
    }
}

/// A section or an area that is to be named.
struct Named<'a> {
    name: &'a str,
    /// Places that are left; 0 is not said.
    left: u32,
    outline: &'a [Spot],
    /// Inside.
    middle: Spot,
    /// The colour below.
    ground: u32,
    /// Over seats: on a plate of that colour.
    plate: bool,
    /// The largest size, in CSS pixels.
    most: f64,
}

/// The number at the end of a name: "301" of "Block 301"; else the whole name.
fn short(name: &str) -> &str {
    let last = &name[name.bytes().rposition(|byte| byte == b' ').map_or(0, |at| at + 1)..];
    if last.bytes().any(|byte| byte.is_ascii_digit()) { last } else { name }
}
