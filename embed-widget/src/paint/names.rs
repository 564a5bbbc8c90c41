//! Above the seats: labels of rows, texts and icons of the plan, the stage, names of sections and areas.

use eventflow_core::seat_map::IconKind;

use super::{Painter, Stock, Style};
use crate::{
    geometry::{Box2, Spot, bounded},
    icons::Icon,
    scene::{Area, Block},
    texts::Texts,
};
use eventflow_raster::{Color, Surface, contrast, mix};

/// The radius from which rows have labels, in CSS pixels.
const ROWS_RADIUS: f64 = 4.5;
/// How far a label of a row may reach from its middle, in CSS pixels.
const ROWS_REACH: f64 = 60.0;
/// Names of sections, in CSS pixels.
const NAME_LEAST: f64 = 9.0;
const NAME_MOST: f64 = 19.0;
/// The width of a character in font sizes, about: what is not known before the browser has drawn the text.
const CHARACTER: f64 = 0.6;

impl Painter<'_> {
    pub(super) fn names(&self, surface: &mut impl Surface, stock: &mut Stock) {
        self.row_labels(surface, &mut stock.texts);
        self.plan_texts(surface, stock);
        self.stage(surface, &mut stock.texts);
        for area in &self.floor.areas {
            if let Some(facts) = self.layout.ga_areas().get(usize::from(area.area))
                && self.sees(surface.clip(), area.bounds, 80)
            {
                let Area { bounds, middle, side, .. } = *area;
                let named = Named {
                    name: &facts.name,
                    left: self.sale.area_left(area.area.into()),
                    bounds,
                    middle,
                    side,
                };
                self.name(surface, &mut stock.texts, named, false);
            }
        }
        if !self.is_near() {
            for block in &self.floor.blocks {
                if let Some(section) = self.layout.sections().get(usize::from(block.section))
                    && self.sees(surface.clip(), block.bounds, 80)
                {
                    let Block { bounds, middle, side, .. } = *block;
                    let left = self.sale.section_free(block.section.into());
                    let named = Named { name: &section.name, left, bounds, middle, side };
                    self.name(surface, &mut stock.texts, named, true);
                }
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
            let room = (self.radius * 1.2) as i32;
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
            self.text(surface, texts, self.projection.pixel(focal), style, self.stage_label);
        }
    }

    /// A name and below it how many places are left, as large as there is room.
    fn name(&self, surface: &mut impl Surface, texts: &mut Texts, place: Named, over_seats: bool) {
        let pixels = |hundredths: i32| self.projection.length(f64::from(hundredths)) / 256.0;
        let height = pixels(place.bounds.height());
        let width = pixels(place.bounds.width()).min(pixels(place.side) * 1.4);
        let (least, most) = (NAME_LEAST * self.dpr, NAME_MOST * self.dpr);
        let fitting = |name: &str| {
            let characters = name.chars().count().max(2) as f64;
            (width * 0.94 / (characters * CHARACTER)).min(height * 0.42)
        };
        let names = [Some(place.name), short(place.name)].into_iter().flatten();
        let name = names.map(|name| (name, fitting(name))).find(|&(_, fitting)| fitting >= least * 0.85);
        let size = Texts::fitting_size(name.map_or(least, |(_, fitting)| bounded(fitting, least, most)));
        let Some(size) = size.filter(|_| height > least * 1.2) else { return };
        let ink = if place.left > 0 { self.theme.text } else { self.theme.muted };
        let plate = over_seats.then_some(self.theme.section).filter(|_| self.radius >= super::SEATS_LEAST);
        let style = Style { bold: true, plate, ..Style::plain(size, ink) };
        let line = f64::from(size) * 1.35;
        let mut left = crate::json::Json::default();
        left.number(place.left.into());
        let left = left.text();
        let counted = height > line * 2.4 && fitting(&left) >= least * 0.85 || name.is_none() && !over_seats;
        let (x, y) = self.projection.pixel(place.middle);
        let (upper, lower) =
            if counted && name.is_some() { ((line * 0.46) as i32, (line * 0.54) as i32) } else { (0, 0) };
        if let Some((name, _)) = name {
            self.text(surface, texts, (x, y - upper), style, name);
        }
        if counted && let Some(size) = Texts::fitting_size((f64::from(size) * 0.84).max(8.0 * self.dpr)) {
            let style = Style { bold: false, size, ink: self.theme.muted, ..style };
            self.text(surface, texts, (x, y + lower), style, &left);
        }
    }
}

/// A section or an area that is to be named.
struct Named<'a> {
    name: &'a str,
    left: u32,
    bounds: Box2,
    middle: Spot,
    side: i32,
}

/// The number at the end of a name: "301" of "Block 301".
fn short(name: &str) -> Option<&str> {
    let (_, last) = name.rsplit_once(' ')?;
    last.bytes().any(|byte| byte.is_ascii_digit()).then_some(last)
}
