//! From the layout to the bytes.

use super::{
    MAGIC, Trends,
    course::Course,
    fit, flags, index_number,
    numbering::{self, put_text},
    parameters, zigzag,
};
use crate::seat_map::{
    IconKind, Layout, LayoutRow, LayoutTable, Occupancy, Rgb, RowKind, Seat, SeatIndex, ShapeKind,
    bytes::put,
    layout::{dense, wide},
};

impl Layout {
    /// The plan on the wire. [`Layout::from_plan`] makes the same layout of it.
    pub fn to_plan(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.structure(self);
        let mut trends = Trends::default();
        for row in self.rows() {
            let seats = &self.seats()[wide(row.seats.start)..wide(row.seats.end)];
            let flags = writer.places(seats, &mut trends);
            writer.row(row, flags);
            let texts: Vec<&str> = row.seats.clone().map(|seat| self.number(SeatIndex(seat))).collect();
            writer.numbers.extend(numbering::write(&texts));
        }
        writer.drawing(self);
        writer.runs(self);
        writer.finish()
    }
}

/// The streams, in the order in which they are in the plan.
#[derive(Default)]
struct Writer {
    structure: Vec<u8>,
    texts: Vec<u8>,
    places: Vec<u8>,
    residuals: Vec<u8>,
    numbers: Vec<u8>,
    runs: Vec<u8>,
    /// Points of drawings are written as the way from the one before.
    pen: (i32, i32),
}

impl Writer {
    fn finish(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for stream in [self.structure, self.texts, self.places, self.residuals, self.numbers, self.runs] {
            put(&mut bytes, dense(stream.len()));
            bytes.extend(stream);
        }
        bytes
    }

    fn structure(&mut self, layout: &Layout) {
        self.text(layout.name());
        self.count(layout.categories().len());
        for category in layout.categories() {
            self.text(&category.key);
            self.text(&category.name);
            self.text(&category.color);
        }
        self.count(layout.floors().len());
        for floor in layout.floors() {
            self.text(&floor.key);
            self.text(&floor.name);
        }
        self.count(layout.zones().len());
        for zone in layout.zones() {
            self.text(&zone.key);
            self.text(&zone.name);
        }
        self.count(layout.sections().len());
        for section in layout.sections() {
            self.text(&section.key);
            self.text(&section.name);
            self.index(section.floor);
            self.index(section.zone);
            self.some_text(section.entrance.as_deref());
            self.points(&section.outline);
            self.some_text(section.view.as_deref());
            self.number(section.rows.end - section.rows.start);
        }
        self.count(layout.ga_areas().len());
        for area in layout.ga_areas() {
            self.text(&area.key);
            self.text(&area.name);
            self.index(area.category);
            self.number(area.capacity);
            self.points(&area.outline);
            self.index(area.floor);
            self.index(area.zone);
            self.some_text(area.entrance.as_deref());
            self.some_text(area.view.as_deref());
            match area.occupancy {
                Occupancy::Places => self.number(0),
                Occupancy::Whole => self.number(1),
                Occupancy::Group { min, max } => {
                    [2, min, max].into_iter().for_each(|value| self.number(value))
                }
            }
        }
        self.number(layout.focal_point().is_some().into());
        if let Some(point) = layout.focal_point() {
            self.point(point);
        }
    }

    /// `split` is what [`Self::places`] found.
    fn row(&mut self, row: &LayoutRow, split: u8) {
        let kind = match row.kind {
            RowKind::Row => flags::ROW,
            RowKind::Table { shape: LayoutTable::Round { .. }, .. } => flags::ROUND,
            RowKind::Table { shape: LayoutTable::Rectangle { .. }, .. } => flags::RECTANGLE,
            RowKind::Booth { .. } => flags::BOOTH,
        };
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let whole = matches!(row.kind, RowKind::Table { whole: true, .. });
        self.structure.push(
            kind | split
                | flag(row.ring, flags::RING)
                | flag(whole, flags::WHOLE)
                | flag(row.shown.is_some(), flags::SHOWN)
                | flag(row.view.is_some(), flags::VIEW),
        );
        self.number(row.seats.end - row.seats.start);
        self.text(&row.label);
        for text in row.shown.iter().chain(&row.view) {
            self.text(text);
        }
        match row.kind {
            RowKind::Row => {}
            RowKind::Table { shape, centre, rotation, .. } => {
                self.point(centre);
                self.number(rotation);
                match shape {
                    LayoutTable::Round { radius } => self.number(radius),
                    LayoutTable::Rectangle { width, height } => {
                        self.number(width);
                        self.number(height);
                    }
                }
            }
            RowKind::Booth { centre, width, height, rotation } => {
                self.point(centre);
                [rotation, width, height].into_iter().for_each(|value| self.number(value));
            }
        }
    }

    /// Gaps, ends and turns of a row, and how far each seat is from there; whichever is shorter of one course for the
    /// whole row and one for each of its runs.
    fn places(&mut self, seats: &[Seat], trends: &mut Trends) -> u8 {
        let gaps: Vec<usize> = (1..seats.len()).filter(|&at| seats[at].starts_run).collect();
        put(&mut self.places, dense(gaps.len()));
        let mut last = 0;
        for &gap in &gaps {
            put(&mut self.places, dense(gap - last));
            last = gap;
        }
        let whole = Courses::over_gaps(seats, *trends);
        let split = (!gaps.is_empty()).then(|| Courses::between(seats, &gaps, *trends));
        let split = split.filter(|split| split.len() < whole.len());
        let flag = if split.is_some() { flags::SPLIT } else { 0 };
        let best = split.unwrap_or(whole);
        self.places.extend(best.places);
        self.residuals.extend(best.residuals);
        *trends = best.trends;
        flag
    }

    fn drawing(&mut self, layout: &Layout) {
        self.count(layout.shapes().len());
        for shape in layout.shapes() {
            self.number(place_of(ShapeKind::ALL, shape.kind));
            self.points(&shape.points);
            self.number(shape.rotation);
            self.color(shape.fill);
            self.color(shape.stroke);
            self.number(shape.stroke_width);
            self.index(shape.floor);
        }
        self.count(layout.texts().len());
        for text in layout.texts() {
            self.point((text.x, text.y));
            self.text(&text.text);
            self.number(text.size);
            self.number(text.rotation);
            self.color(text.color);
            self.index(text.floor);
        }
        self.count(layout.icons().len());
        for icon in layout.icons() {
            self.point((icon.x, icon.y));
            self.number(place_of(IconKind::ALL, icon.kind));
            self.number(icon.size);
            self.index(icon.floor);
        }
        self.count(layout.images().len());
        for image in layout.images() {
            self.text(&image.href);
            self.point((image.x, image.y));
            let sizes = [image.width, image.height, image.rotation, image.opacity.into()];
            sizes.into_iter().for_each(|value| self.number(value));
            self.index(image.floor);
        }
    }

    fn runs(&mut self, layout: &Layout) {
        let categories = layout.seats().iter().map(|seat| index_number(seat.category));
        put_runs(&mut self.runs, categories);
        put_runs(&mut self.runs, layout.seats().iter().map(|seat| seat.traits.bits().into()));
        for texts in [&layout.shown, &layout.views] {
            put(&mut self.runs, dense(texts.len()));
            let mut next = 0;
            for (SeatIndex(seat), text) in texts {
                put(&mut self.runs, seat - next);
                put_text(&mut self.runs, text);
                next = seat + 1;
            }
        }
    }

    fn number(&mut self, value: u32) {
        put(&mut self.structure, value);
    }

    fn count(&mut self, len: usize) {
        self.number(dense(len));
    }

    fn index(&mut self, index: Option<u16>) {
        self.number(index_number(index));
    }

    fn text(&mut self, text: &str) {
        put_text(&mut self.texts, text);
    }

    fn some_text(&mut self, text: Option<&str>) {
        put(&mut self.texts, text.map_or(0, |text| dense(text.len()) + 1));
        self.texts.extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    fn points(&mut self, points: &[(i32, i32)]) {
        self.count(points.len());
        points.iter().for_each(|&point| self.point(point));
    }

    fn point(&mut self, point: (i32, i32)) {
        self.number(zigzag(point.0.wrapping_sub(self.pen.0)));
        self.number(zigzag(point.1.wrapping_sub(self.pen.1)));
        self.pen = point;
    }

    fn color(&mut self, color: Option<Rgb>) {
        self.structure.push(color.is_some().into());
        self.structure.extend(color.into_iter().flatten());
    }
}

/// The courses of one row.
#[derive(Default)]
struct Courses {
    trends: Trends,
    places: Vec<u8>,
    residuals: Vec<u8>,
}

impl Courses {
    fn over_gaps(seats: &[Seat], trends: Trends) -> Self {
        let mut courses = Self { trends, ..Self::default() };
        let mut missing = fit::missing(seats).into_iter();
        let mut places = Vec::with_capacity(seats.len());
        for seat in seats {
            let skipped = if seat.starts_run && !places.is_empty() { missing.next() } else { None };
            if let Some(skipped) = skipped {
                put(&mut courses.places, skipped);
            }
            let next = places.last().map_or(0, |last| last + 1);
            places.push(next + skipped.unwrap_or(0));
        }
        courses.add(seats, &places);
        courses
    }

    fn between(seats: &[Seat], gaps: &[usize], trends: Trends) -> Self {
        let mut courses = Self { trends, ..Self::default() };
        let ends = gaps.iter().copied().chain([seats.len()]);
        let mut start = 0;
        for end in ends {
            let run = &seats[start..end];
            courses.add(run, &(0..dense(run.len())).collect::<Vec<_>>());
            start = end;
        }
        courses
    }

    fn add(&mut self, seats: &[Seat], places: &[u32]) {
        if seats.is_empty() {
            return;
        }
        let course = fit::course(seats, places, self.trends[4].value);
        let Course { start, span, turn } = course;
        let values = [start.0, start.1, span.0, span.1, turn];
        for (trend, value) in self.trends.iter_mut().zip(values).take(parameters(seats.len())) {
            put(&mut self.places, zigzag(trend.surprise(value)));
        }
        let inner = course.points(places).into_iter().zip(seats).take(seats.len() - 1).skip(1);
        for ((x, y), seat) in inner {
            let (x, y) = (zigzag(seat.x.wrapping_sub(x)), zigzag(seat.y.wrapping_sub(y)));
            self.residuals.push((x.min(15) << 4 | y.min(15)) as u8);
            for far in [x, y].into_iter().filter_map(|value| value.checked_sub(15)) {
                put(&mut self.residuals, far);
            }
        }
    }

    fn len(&self) -> usize {
        self.places.len() + self.residuals.len()
    }
}

/// Lengths of what is the same, each with its value.
fn put_runs(out: &mut Vec<u8>, values: impl Iterator<Item = u32>) {
    let mut run = None;
    for value in values.map(Some).chain([None]) {
        run = match (run, value) {
            (Some((same, len)), Some(value)) if same == value => Some((same, len + 1)),
            (run, value) => {
                if let Some((same, len)) = run {
                    put(out, len);
                    put(out, same);
                }
                value.map(|value| (value, 1))
            }
        };
    }
}

fn place_of<T: PartialEq>(all: &[T], wanted: T) -> u32 {
    dense(all.iter().position(|one| *one == wanted).expect("ALL has every kind"))
}
