//! What the plan and its seats are, as JSON.

use eventflow_core::seat_map::{LayoutRow, Occupancy, RowKind, Seat, SeatIndex, SeatStatus};

use super::Picker;
use crate::{json::Json, sale::Flags};

impl Picker {
    pub fn meta(&self) -> String {
        let layout = &self.layout;
        let mut category_seats = vec![0_u32; layout.categories().len()];
        let mut traits = 0;
        for seat in layout.seats() {
            traits |= seat.traits.bits();
            if let Some(count) = seat.category.and_then(|at| category_seats.get_mut(usize::from(at))) {
                *count += 1;
            }
        }
        Json::object(|json| {
            json.key("name").string(layout.name());
            json.key("seats").number(layout.seat_count().into());
            json.key("has_focal").flag(layout.focal_point().is_some());
            json.key("traits").number(traits.into());
            json.key("floors").brackets(|json| {
                // The one floor of a plan without floors has no key.
                for floor in layout.floors().iter().filter(|floor| !floor.key.is_empty()) {
                    named(json, &floor.key, &floor.name);
                }
            });
            json.key("zones").brackets(|json| {
                layout.zones().iter().for_each(|zone| named(json, &zone.key, &zone.name));
            });
            json.key("categories").brackets(|json| {
                for (category, seats) in layout.categories().iter().zip(&category_seats) {
                    json.braces(|json| {
                        json.key("key").string(&category.key);
                        json.key("name").string(&category.name);
                        json.key("color").string(&category.color);
                        json.key("seats").number((*seats).into());
                    });
                }
            });
            json.key("sections").brackets(|json| {
                for index in 0..layout.sections().len() {
                    json.braces(|json| self.section(json, index));
                }
            });
            json.key("areas").brackets(|json| {
                for area in layout.ga_areas() {
                    json.braces(|json| {
                        json.key("i").number(area.index.into());
                        json.key("key").string(&area.key);
                        json.key("name").string(&area.name);
                        json.key("category").number(category_number(area.category));
                        json.key("capacity").number(area.capacity.into());
                        json.key("floor").number(area.floor.unwrap_or(0).into());
                        json.key("zone").number(area.zone.map_or(-1, i64::from));
                        json.key("entrance").optional(area.entrance.as_deref());
                        let (sold, min, max) = match area.occupancy {
                            Occupancy::Places => ("place", 1, 0),
                            Occupancy::Whole => ("whole", area.capacity, area.capacity),
                            Occupancy::Group { min, max } => ("group", min, max),
                        };
                        json.key("sold").string(sold);
                        json.key("min").number(min.into());
                        json.key("max").number(max.into());
                        json.key("shown").flag(area.outline.len() >= 3);
                    });
                }
            });
        })
    }

    fn section(&self, json: &mut Json, index: usize) {
        let section = &self.layout.sections()[index];
        let mut has = vec![false; self.layout.categories().len()];
        for category in self.section_seats(index).filter_map(|seat| seat.category) {
            if let Some(has) = has.get_mut(usize::from(category)) {
                *has = true;
            }
        }
        json.key("i").number(index as i64);
        json.key("key").string(&section.key);
        json.key("name").string(&section.name);
        json.key("floor").number(self.scene.floor_of(index as u16).into());
        json.key("zone").number(section.zone.map_or(-1, i64::from));
        json.key("entrance").optional(section.entrance.as_deref());
        json.key("seats").number(self.section_seats(index).count() as i64);
        json.key("rows").number(section.rows.len() as i64);
        json.key("categories").numbers((0..).zip(has).filter(|(_, has)| *has).map(|(category, _)| category));
    }

    pub fn section_rows(&self, section: u32) -> String {
        let Some(section) = self.layout.sections().get(section as usize) else { return "[]".into() };
        Json::array(|json| {
            for index in section.rows.clone() {
                let Some(row) = self.layout.rows().get(index as usize) else { continue };
                json.braces(|json| {
                    json.key("row").number(index.into());
                    let (kind, whole) = kind(row);
                    json.key("kind").string(kind);
                    json.key("label").string(&row.label);
                    json.key("shown").string(self.layout.shown_row(index));
                    json.key("first").number(row.seats.start.into());
                    json.key("count").number(row.seats.len() as i64);
                    json.key("whole").flag(whole);
                    let free = self.row(row).iter().filter(|seat| self.sale.is_on(seat.index)).count();
                    json.key("free").number(free as i64);
                });
            }
        })
    }

    pub fn row_seats(&self, row: u32) -> String {
        let Some(row) = self.layout.rows().get(row as usize) else { return "[]".into() };
        Json::array(|json| {
            for seat in self.row(row) {
                json.braces(|json| {
                    json.key("i").number(seat.index.0.into());
                    json.key("n").string(self.layout.shown_number(seat.index));
                    json.key("cat").number(category_number(seat.category));
                    json.key("traits").number(seat.traits.bits().into());
                    self.state(json, seat);
                });
            }
        })
    }

    pub fn seat(&self, seat: u32) -> String {
        let Some(seat) = self.layout.seat(SeatIndex(seat)) else { return String::new() };
        let (section, layout) = (self.layout.section_of(seat.index), &self.layout);
        Json::object(|json| {
            json.key("i").number(seat.index.0.into());
            json.key("label").string(layout.label(seat.index));
            json.key("section").number(seat.section.into());
            json.key("section_name").string(section.map_or("", |section| &section.name));
            json.key("row").number(seat.row.into());
            json.key("row_label").string(layout.shown_row(seat.row));
            json.key("number").string(layout.shown_number(seat.index));
            json.key("category").number(category_number(seat.category));
            json.key("traits")
                .brackets(|json| seat.traits.iter().for_each(|word| json.string(word.as_str())));
            self.state(json, seat);
            json.key("floor").number(self.scene.floor_of(seat.section).into());
            let (kind, whole) = layout.row_of(seat.index).map_or(("row", false), kind);
            json.key("kind").string(kind);
            json.key("whole").flag(whole);
            json.key("view").optional(layout.view(seat.index));
            json.key("entrance").optional(section.and_then(|section| section.entrance.as_deref()));
            let (view, dpr) = (self.camera.view(), self.camera.dpr());
            let (x, y) = view.to_screen(seat.x, seat.y);
            json.key("x").tenths(x / dpr);
            json.key("y").tenths(y / dpr);
            json.key("r").tenths(self.scene.radius * view.scale / dpr);
        })
    }

    fn state(&self, json: &mut Json, seat: &Seat) {
        let flags = self.sale.flags(seat.index);
        json.key("st").number(self.sale.status(seat.index) as i64);
        json.key("sel").flag(flags.has(Flags::SELECTED));
        json.key("mine").flag(flags.has(Flags::MINE));
        json.key("on").flag(flags.has(Flags::ON));
    }

    pub fn area(&self, area: u32) -> String {
        let Some(area) = self.layout.ga_areas().get(area as usize) else { return String::new() };
        Json::object(|json| {
            json.key("i").number(area.index.into());
            json.key("key").string(&area.key);
            json.key("name").string(&area.name);
            json.key("category").number(category_number(area.category));
            json.key("capacity").number(area.capacity.into());
            json.key("left").number(self.area_left(area.index.into()).into());
            json.key("floor").number(area.floor.unwrap_or(0).into());
            json.key("view").optional(area.view.as_deref());
            json.key("entrance").optional(area.entrance.as_deref());
            json.key("on").flag(self.sale.category_is_on(area.category));
            let (view, dpr) = (self.camera.view(), self.camera.dpr());
            let middle = self
                .scene
                .floors
                .iter()
                .flat_map(|floor| &floor.areas)
                .find(|shown| shown.area == area.index);
            let (x, y) = middle.map_or((0.0, 0.0), |shown| view.to_screen(shown.middle.0, shown.middle.1));
            json.key("x").tenths(x / dpr);
            json.key("y").tenths(y / dpr);
        })
    }

    pub fn find(&self, label: &str) -> i32 {
        // The index of labels that the layout could make is larger than all of this.
        let mut seats = self.layout.seats().iter().map(|seat| seat.index);
        seats.find(|&seat| self.layout.label(seat) == label).map_or(-1, |seat| seat.0 as i32)
    }

    pub fn images(&self) -> String {
        Json::array(|json| {
            for image in self.layout.images() {
                let units = |hundredths: i64| hundredths as f64 / 100.0;
                json.braces(|json| {
                    json.key("href").string(&image.href);
                    json.key("x").tenths(units(image.x.into()));
                    json.key("y").tenths(units(image.y.into()));
                    json.key("width").tenths(units(image.width.into()));
                    json.key("height").tenths(units(image.height.into()));
                    json.key("rotation").tenths(units(image.rotation.into()));
                    json.key("opacity").number(image.opacity.into());
                    json.key("floor").number(image.floor.map_or(-1, i64::from));
                });
            }
        })
    }

    pub fn availability(&self, section: u32) -> Vec<u32> {
        let section = section as usize;
        let total =
            if section < self.layout.sections().len() { self.section_seats(section).count() } else { 0 };
        vec![self.sale.section_free(section), total as u32]
    }

    pub fn category_availability(&self) -> Vec<u32> {
        let mut pairs = vec![0_u32; 2 * self.layout.categories().len()];
        let mut count = |category: Option<u16>, free: u32, total: u32| {
            if let Some(category) = category.map(usize::from)
                && let Some(pair) = pairs.get_mut(2 * category..2 * category + 2)
            {
                pair[0] += free;
                pair[1] += total;
            }
        };
        for seat in self.layout.seats() {
            let free = self.sale.status(seat.index) == SeatStatus::Free;
            count(seat.category, free.into(), 1);
        }
        for (at, area) in self.layout.ga_areas().iter().enumerate() {
            count(area.category, self.sale.area_left(at), area.capacity);
        }
        pairs
    }

    pub fn area_left(&self, area: u32) -> u32 {
        self.sale.area_left(area as usize)
    }

    pub(super) fn row(&self, row: &LayoutRow) -> &[Seat] {
        self.layout.seats().get(row.seats.start as usize..row.seats.end as usize).unwrap_or(&[])
    }

    pub(super) fn section_seats(&self, section: usize) -> impl Iterator<Item = &Seat> {
        let rows = self.layout.sections().get(section).map_or(0..0, |section| section.rows.clone());
        let rows = self.layout.rows().get(rows.start as usize..rows.end as usize).unwrap_or(&[]);
        rows.iter().flat_map(|row| self.row(row))
    }
}

pub(super) fn category_number(category: Option<u16>) -> i64 {
    category.map_or(-1, i64::from)
}

fn named(json: &mut Json, key: &str, name: &str) {
    json.braces(|json| {
        json.key("key").string(key);
        json.key("name").string(name);
    });
}

/// What a row is, and whether all of it goes together.
fn kind(row: &LayoutRow) -> (&'static str, bool) {
    match row.kind {
        RowKind::Row => ("row", false),
        RowKind::Table { whole, .. } => ("table", whole),
        RowKind::Booth { .. } => ("booth", false),
    }
}
