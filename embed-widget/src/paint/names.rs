//! Above the seats: labels of rows, texts and icons of the plan, the stage, names of sections and areas.

use eventflow_core::seat_map::IconKind;

use super::{Painter, Stock, Style};
use crate::{icons::Icon, texts::Texts};
use eventflow_raster::{Surface, contrast, mix};

/// The radius from which rows have labels, in CSS pixels.
const ROWS_RADIUS: f64 = 4.5;
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
                let left = self.sale.area_left(area.area.into());
                self.name(surface, &mut stock.texts, area.bounds, area.middle, (&facts.name, left), false);
            }
        }
        if !self.is_near() {
            for block in &self.floor.blocks {
                if let Some(section) = self.layout.sections().get(usize::from(block.section))
                    && self.sees(surface.clip(), block.bounds, 80)
                {
                    let free = self.sale.section_free(block.section.into());
                    self.name(
                        surface,
                        &mut stock.texts,
                        block.bounds,
                        block.middle,
                        (&section.name, free),
                        true,
                    );
                }
            }
        }
    }

    fn row_labels(&self, surface: &mut impl Surface, texts: &mut Texts) {
        if self.css_radius() < ROWS_RADIUS {
            return;
        }
        let part = self.projection.part(surface.clip().grown((24.0 * self.dpr) as i32));
        let size = (self.radius * 1.1).min(14.0 * self.dpr);
        let Some(size) = Texts::fitting_size(size) else { return };
        for label in self.floor.row_labels.iter().filter(|label| part.contains(label.at)) {
            let style = Style::plain(size, self.theme.muted);
            self.text(
                surface,
                texts,
                self.projection.pixel(label.at),
                style,
                self.layout.shown_row(label.row),
            );
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
    fn name(
        &self,
        surface: &mut impl Surface,
        texts: &mut Texts,
        bounds: crate::geometry::Box2,
        middle: crate::geometry::Spot,
        (name, left): (&str, u32),
        over_seats: bool,
    ) {
        let pixels = |hundredths: i32| self.projection.length(f64::from(hundredths)) / 256.0;
        let (width, height) = (pixels(bounds.width()), pixels(bounds.height()));
        let characters = name.chars().count().max(2) as f64;
        let (least, most) = (NAME_LEAST * self.dpr, NAME_MOST * self.dpr);
        let fitting = (width * 0.92 / (characters * CHARACTER)).min(height * 0.42);
        if fitting < least && (width < least * 1.4 || height < least * 1.2 || characters > 9.0) {
            return;
        }
        let Some(size) = Texts::fitting_size(crate::geometry::bounded(fitting, least, most)) else { return };
        let ink = if left > 0 { self.theme.text } else { self.theme.muted };
        let plate = over_seats.then_some(self.theme.section).filter(|_| self.radius >= super::SEATS_LEAST);
        let style = Style { bold: true, plate, ..Style::plain(size, ink) };
        let line = f64::from(size) * 1.35;
        let two = height > line * 2.4;
        let (x, y) = self.projection.pixel(middle);
        let upper = if two { (line * 0.46) as i32 } else { 0 };
        self.text(surface, texts, (x, y - upper), style, name);
        if two && let Some(size) = Texts::fitting_size(f64::from(size) * 0.82) {
            let style = Style { bold: false, ..style };
            let style = Style { size, ink: self.theme.muted, ..style };
            let mut digits = crate::json::Json::default();
            digits.number(left.into());
            self.text(surface, texts, (x, y + (line * 0.54) as i32), style, &digits.text());
        }
    }
}
