//! Seats, their numbers and the signs on them.

use eventflow_core::seat_map::{IconKind, SeatIndex, SeatTrait, Traits};

use super::{Painter, Stock, Style};
use crate::{
    geometry::Box2,
    icons::Icon,
    looks::{Look, SIZES, State, ink},
    scene::Place,
    texts::Texts,
};
use eventflow_raster::Surface;

/// The radius from which seats have signs and numbers, in CSS pixels.
const SIGNS_RADIUS: f64 = 5.0;
const NUMBERS_RADIUS: f64 = 6.5;
/// The radius from which there is room for both.
const BOTH_RADIUS: f64 = 13.0;
/// How far a picture may reach beyond the radius of a usual seat.
const REACH: f64 = 1.9;

impl Painter<'_> {
    pub(super) fn seats(&self, surface: &mut impl Surface, stock: &mut Stock) {
        let clip = surface.clip();
        let categories = self.colors.len();
        stock.sprites.size(self.radius as f32, self.dpr as f32, categories);
        let part = self.projection.part(clip.grown((self.radius * REACH) as i32 + 3));
        for places in self.floor.grid.within(part) {
            stock.sprites.paint(surface, places, self.projection, self.colors, self.theme);
        }
        if self.css_radius() >= SIGNS_RADIUS {
            self.signs(surface, stock, part);
        }
    }

    fn signs(&self, surface: &mut impl Surface, stock: &mut Stock, part: Box2) {
        let categories = self.colors.len();
        for place in self.floor.grid.within(part).flatten().filter(|place| part.contains((place.x, place.y)))
        {
            let look = Look::of(place.look, categories);
            let color = self.colors.get(usize::from(look.category)).copied().unwrap_or(self.theme.muted);
            if let Some(ink) = ink(look.state, color, self.theme) {
                self.sign(surface, stock, place, look, ink);
            }
        }
    }

    fn sign(&self, surface: &mut impl Surface, stock: &mut Stock, place: &Place, look: Look, ink: u32) {
        let seat = SeatIndex(place.seat);
        let radius = self.radius * SIZES[usize::from(look.size)];
        let css_radius = radius / self.dpr;
        let (x, y) = self.projection.pixel((place.x, place.y));
        let icon = self.layout.seat(seat).and_then(|seat| icon(seat.traits));
        let both = css_radius >= BOTH_RADIUS;
        if let Some(icon) = icon.filter(|_| css_radius >= SIGNS_RADIUS) {
            let size = if both { radius * 0.8 } else { radius * 1.35 };
            let lower = if both { (radius * 0.42) as i32 } else { 0 };
            let sprite = stock.icons.get(icon, size as u16, ink, None);
            surface.sprite(x, y + lower, sprite);
        }
        if css_radius < NUMBERS_RADIUS || icon.is_some() && !both || look.state == State::Filtered {
            return;
        }
        let number = self.layout.shown_number(seat);
        let room = match number.chars().count() {
            0..=2 => 1.05,
            3 => 0.84,
            4 => 0.66,
            _ => 0.5,
        };
        let upper = if icon.is_some() { (radius * 0.34) as i32 } else { 0 };
        let wished = (radius * room * if upper > 0 { 0.8 } else { 1.0 }).min(17.0 * self.dpr);
        if let Some(size) = Texts::fitting_size(wished) {
            self.text(surface, &mut stock.texts, (x, y - upper), Style::plain(size, ink), number);
        }
    }
}

/// The sign of the trait that matters most.
fn icon(traits: Traits) -> Option<Icon> {
    let signs = [
        (SeatTrait::Wheelchair, Icon::Plan(IconKind::Wheelchair)),
        (SeatTrait::Companion, Icon::Companion),
        (SeatTrait::RestrictedView, Icon::RestrictedView),
        (SeatTrait::HearingImpaired, Icon::Hearing),
    ];
    signs.into_iter().find(|&(of, _)| traits.contains(of)).map(|(_, icon)| icon)
}
