//! From the bytes to the layout.

use super::{
    MAGIC, PlanError, STREAMS, Trends, course::Course, flags, numbering, numbering::text, parameters,
    unzigzag,
};
use crate::seat_map::{
    AREAS_MAX, CATEGORIES_MAX, COORDINATE_MAX, FLOORS_MAX, ICONS_MAX, IMAGES_MAX, IconKind, Layout,
    LayoutArea, LayoutCategory, LayoutFloor, LayoutIcon, LayoutImage, LayoutRow, LayoutSection, LayoutShape,
    LayoutTable, LayoutText, LayoutZone, OUTLINE_POINTS_MAX, Occupancy, ROW_PLACES_MAX, ROWS_MAX, Rgb,
    RowKind, SEATS_MAX, SECTIONS_MAX, SHAPES_MAX, Seat, SeatIndex, ShapeKind, TEXTS_MAX, Traits, ZONES_MAX,
    bytes::Reader,
    layout::{LabelSpan, clipped, dense, wide},
};

/// The largest coordinate and size, in hundredths.
const REACH: u32 = 100 * COORDINATE_MAX as u32;
/// One turn, in hundredths of a degree.
const TURN: u32 = 36_000;

type Result<T> = std::result::Result<T, PlanError>;

impl Layout {
    /// Reads a plan. [`Layout::to_plan`] of the result may differ from the bytes, but means the same.
    pub fn from_plan(bytes: &[u8]) -> Result<Self> {
        let mut plan = Plan::open(bytes)?;
        let mut layout = Self::default();
        let rows = plan.structure(&mut layout)?;
        let mut trends = Trends::default();
        for (section, count) in (0..).zip(rows) {
            let first = dense(layout.rows.len());
            for _ in 0..count {
                plan.row(&mut layout, section, &mut trends)?;
            }
            layout.sections[usize::from(section)].rows = first..first + count;
        }
        plan.drawing(&mut layout)?;
        plan.runs(&mut layout)?;
        plan.close()?;
        Ok(layout.finish())
    }
}

/// What is left of each stream.
struct Plan<'a> {
    structure: Reader<'a>,
    texts: Reader<'a>,
    places: Reader<'a>,
    residuals: Reader<'a>,
    numbers: Reader<'a>,
    runs: Reader<'a>,
    pen: (i32, i32),
    floors: usize,
    zones: usize,
    categories: usize,
}

impl<'a> Plan<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        if reader.array()? != MAGIC {
            return Err(PlanError::Magic);
        }
        let mut streams = [Reader(&[]); STREAMS];
        for stream in &mut streams {
            let len = wide(reader.number()?);
            *stream = Reader(reader.take(len)?);
        }
        if !reader.is_empty() {
            return Err(PlanError::Trailing);
        }
        let [structure, texts, places, residuals, numbers, runs] = streams;
        let (pen, floors, zones, categories) = ((0, 0), 0, 0, 0);
        Ok(Self { structure, texts, places, residuals, numbers, runs, pen, floors, zones, categories })
    }

    fn close(self) -> Result<()> {
        let streams = [self.structure, self.texts, self.places, self.residuals, self.numbers, self.runs];
        if streams.iter().all(Reader::is_empty) { Ok(()) } else { Err(PlanError::Trailing) }
    }

    /// Everything but rows and drawing. Returns how many rows each section has.
    fn structure(&mut self, layout: &mut Layout) -> Result<Vec<u32>> {
        layout.name = self.text()?;
        self.categories = self.count(CATEGORIES_MAX)?;
        for _ in 0..self.categories {
            let (key, name, color) = (self.text()?, self.text()?, self.text()?);
            layout.categories.push(LayoutCategory { key, name, color });
        }
        self.floors = self.count(FLOORS_MAX)?;
        for _ in 0..self.floors {
            layout.floors.push(LayoutFloor { key: self.text()?, name: self.text()? });
        }
        if self.floors == 0 {
            return Err(PlanError::Reference);
        }
        self.zones = self.count(ZONES_MAX)?;
        for _ in 0..self.zones {
            layout.zones.push(LayoutZone { key: self.text()?, name: self.text()? });
        }
        let mut rows = Vec::new();
        for _ in 0..self.count(SECTIONS_MAX)? {
            layout.sections.push(LayoutSection {
                key: self.text()?,
                name: self.text()?,
                floor: self.index(self.floors)?,
                zone: self.index(self.zones)?,
                entrance: self.some_text()?,
                outline: self.points()?,
                view: self.some_text()?,
                rows: 0..0,
            });
            rows.push(dense(self.count(ROWS_MAX)?));
        }
        for index in 0..self.count(AREAS_MAX)? {
            layout.ga_areas.push(LayoutArea {
                index: u16::try_from(index).map_err(|_| PlanError::TooMany)?,
                key: self.text()?,
                name: self.text()?,
                category: self.index(self.categories)?,
                capacity: self.number()?,
                outline: self.points()?,
                floor: self.index(self.floors)?,
                zone: self.index(self.zones)?,
                entrance: self.some_text()?,
                view: self.some_text()?,
                occupancy: match self.number()? {
                    0 => Occupancy::Places,
                    1 => Occupancy::Whole,
                    2 => Occupancy::Group { min: self.number()?, max: self.number()? },
                    _ => return Err(PlanError::Kind),
                },
            });
        }
        if self.count(1)? == 1 {
            layout.focal_point = Some(self.point()?);
        }
        Ok(rows)
    }

    /// A row, table or booth with its seats.
    fn row(&mut self, layout: &mut Layout, section: u16, trends: &mut Trends) -> Result<()> {
        let row = dense(layout.rows.len());
        let flags = self.structure.byte()?;
        let count = self.number()?;
        if wide(row) == ROWS_MAX || count > ROW_PLACES_MAX || layout.seats.len() + wide(count) > SEATS_MAX {
            return Err(PlanError::TooMany);
        }
        let has = |flag: u8| flags & flag != 0;
        let label = self.text()?;
        let shown = if has(flags::SHOWN) { Some(self.text()?) } else { None };
        let view = if has(flags::VIEW) { Some(self.text()?) } else { None };
        let kind = self.kind(flags & flags::KIND, has(flags::WHOLE))?;
        if matches!(kind, RowKind::Booth { .. }) && count != 1 {
            return Err(PlanError::Kind);
        }
        let first = layout.seat_count();
        self.seats(layout, (section, row), count, has(flags::SPLIT), trends)?;
        let seats = first..layout.seat_count();
        let mut prefix = clipped(&layout.sections[usize::from(section)].key).to_owned();
        prefix += "-";
        if !matches!(kind, RowKind::Booth { .. }) {
            prefix.push_str(clipped(&label));
            prefix += "-";
        }
        numbering::read(&mut self.numbers, count, |text, value| {
            layout.labels.push_str(&prefix);
            let number = dense(layout.labels.len());
            layout.labels.push_str(text);
            if let Some(value) = value {
                push_decimal(&mut layout.labels, value);
            }
            layout.spans.push(LabelSpan { number, end: dense(layout.labels.len()) });
        })?;
        let ring = has(flags::RING);
        layout.rows.push(LayoutRow { section, label, shown, view, kind, ring, seats });
        Ok(())
    }

    fn kind(&mut self, kind: u8, whole: bool) -> Result<RowKind> {
        if kind == flags::ROW {
            return Ok(RowKind::Row);
        }
        let (centre, rotation, size) = (self.point()?, self.angle()?, self.size()?);
        let table = |shape| RowKind::Table { shape, centre, rotation, whole };
        Ok(match kind {
            flags::ROUND => table(LayoutTable::Round { radius: size }),
            flags::RECTANGLE => table(LayoutTable::Rectangle { width: size, height: self.size()? }),
            _ => RowKind::Booth { centre, width: size, height: self.size()?, rotation },
        })
    }

    fn seats(
        &mut self,
        layout: &mut Layout,
        (section, row): (u16, u32),
        count: u32,
        split: bool,
        trends: &mut Trends,
    ) -> Result<()> {
        let mut starts = Vec::new();
        let mut last = 0_u32;
        for _ in 0..self.places.number()? {
            let step = self.places.number()?;
            let start = last.checked_add(step).filter(|&start| step > 0 && start < count);
            last = start.ok_or(PlanError::Reference)?;
            starts.push(last);
        }
        let mut starts = starts.into_iter().peekable();
        let mut places = Vec::new();
        for at in 0..count {
            let starts_run = at == 0 || starts.next_if_eq(&at).is_some();
            let mut place = places.last().map_or(0, |last| last + 1);
            if starts_run && at > 0 && split {
                self.course(layout, &places, trends)?;
                places.clear();
                place = 0;
            } else if starts_run && at > 0 {
                place = self.places.number()?.saturating_add(place);
            }
            if place >= ROW_PLACES_MAX {
                return Err(PlanError::TooMany);
            }
            places.push(place);
            let index = SeatIndex(layout.seat_count());
            let (category, traits, x, y) = (None, Traits::NONE, 0, 0);
            layout.seats.push(Seat { index, section, row, category, x, y, traits, starts_run });
        }
        self.course(layout, &places, trends)
    }

    /// Puts the last seats at their places along a course.
    fn course(&mut self, layout: &mut Layout, places: &[u32], trends: &mut Trends) -> Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        for trend in trends.iter_mut().take(parameters(places.len())) {
            trend.follow(unzigzag(self.places.number()?));
        }
        let known = |at: usize| if at < parameters(places.len()) { trends[at].value } else { 0 };
        let course = Course { start: (known(0), known(1)), span: (known(2), known(3)), turn: known(4) };
        let first = layout.seats.len() - places.len();
        let last = places.len() - 1;
        for ((at, seat), (mut x, mut y)) in
            layout.seats[first..].iter_mut().enumerate().zip(course.points(places))
        {
            if at == 0 {
                (x, y) = course.start;
            } else if at == last {
                (x, y) = course.end();
            } else {
                let near = self.residuals.byte()?;
                x = x.wrapping_add(self.residual(near >> 4)?);
                y = y.wrapping_add(self.residual(near & 15)?);
            }
            (seat.x, seat.y) = within(x, y)?;
        }
        Ok(())
    }

    fn residual(&mut self, near: u8) -> Result<i32> {
        let far = if near == 15 { self.residuals.number()? } else { 0 };
        Ok(unzigzag(far.wrapping_add(near.into())))
    }

    fn drawing(&mut self, layout: &mut Layout) -> Result<()> {
        for _ in 0..self.count(SHAPES_MAX)? {
            layout.shapes.push(LayoutShape {
                kind: self.one_of(ShapeKind::ALL)?,
                points: self.points()?,
                rotation: self.angle()?,
                fill: self.color()?,
                stroke: self.color()?,
                stroke_width: self.size()?,
                floor: self.index(self.floors)?,
            });
        }
        for _ in 0..self.count(TEXTS_MAX)? {
            let (x, y) = self.point()?;
            layout.texts.push(LayoutText {
                x,
                y,
                text: self.text()?,
                size: self.size()?,
                rotation: self.angle()?,
                color: self.color()?,
                floor: self.index(self.floors)?,
            });
        }
        for _ in 0..self.count(ICONS_MAX)? {
            let (x, y) = self.point()?;
            layout.icons.push(LayoutIcon {
                x,
                y,
                kind: self.one_of(IconKind::ALL)?,
                size: self.size()?,
                floor: self.index(self.floors)?,
            });
        }
        for _ in 0..self.count(IMAGES_MAX)? {
            let href = self.text()?;
            let (x, y) = self.point()?;
            layout.images.push(LayoutImage {
                href,
                x,
                y,
                width: self.size()?,
                height: self.size()?,
                rotation: self.angle()?,
                opacity: u8::try_from(self.up_to(100)?).map_err(|_| PlanError::Number)?,
                floor: self.index(self.floors)?,
            });
        }
        Ok(())
    }

    fn runs(&mut self, layout: &mut Layout) -> Result<()> {
        let categories = self.categories;
        self.run(layout, |seat, value| {
            seat.category = index(value, categories)?;
            Ok(())
        })?;
        self.run(layout, |seat, value| {
            let bits = u16::try_from(value).map_err(|_| PlanError::Kind)?;
            seat.traits = Traits::from_bits(bits);
            if seat.traits.bits() == bits { Ok(()) } else { Err(PlanError::Kind) }
        })?;
        layout.shown = self.by_seat(layout.seats.len())?;
        layout.views = self.by_seat(layout.seats.len())?;
        Ok(())
    }

    fn run(&mut self, layout: &mut Layout, set: impl Fn(&mut Seat, u32) -> Result<()>) -> Result<()> {
        let mut rest = layout.seats.as_mut_slice();
        while !rest.is_empty() {
            let (len, value) = (wide(self.runs.number()?), self.runs.number()?);
            let (seats, after) = rest.split_at_mut_checked(len).ok_or(PlanError::TooMany)?;
            // A run of nobody would let a short plan say nothing for ever.
            if seats.is_empty() {
                return Err(PlanError::Number);
            }
            for seat in seats {
                set(seat, value)?;
            }
            rest = after;
        }
        Ok(())
    }

    fn by_seat(&mut self, seats: usize) -> Result<Vec<(SeatIndex, String)>> {
        let mut texts = Vec::new();
        let mut next = 0_u32;
        for _ in 0..self.runs.number()? {
            let seat = next.checked_add(self.runs.number()?).filter(|&seat| wide(seat) < seats);
            let seat = seat.ok_or(PlanError::Reference)?;
            texts.push((SeatIndex(seat), text(&mut self.runs)?.to_owned()));
            next = seat + 1;
        }
        Ok(texts)
    }

    fn number(&mut self) -> Result<u32> {
        Ok(self.structure.number()?)
    }

    fn up_to(&mut self, limit: u32) -> Result<u32> {
        let value = self.number()?;
        if value > limit { Err(PlanError::Number) } else { Ok(value) }
    }

    fn size(&mut self) -> Result<u32> {
        self.up_to(REACH)
    }

    fn angle(&mut self) -> Result<u32> {
        self.up_to(TURN - 1)
    }

    fn count(&mut self, limit: usize) -> Result<usize> {
        let count = wide(self.number()?);
        if count > limit { Err(PlanError::TooMany) } else { Ok(count) }
    }

    fn index(&mut self, count: usize) -> Result<Option<u16>> {
        index(self.number()?, count)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Result<T> {
        all.get(wide(self.number()?)).copied().ok_or(PlanError::Kind)
    }

    fn text(&mut self) -> Result<String> {
        Ok(text(&mut self.texts)?.to_owned())
    }

    fn some_text(&mut self) -> Result<Option<String>> {
        let Some(len) = self.texts.number()?.checked_sub(1) else { return Ok(None) };
        let bytes = self.texts.take(wide(len))?;
        Ok(Some(str::from_utf8(bytes).map_err(|_| PlanError::Text)?.to_owned()))
    }

    fn points(&mut self) -> Result<Vec<(i32, i32)>> {
        let mut points = Vec::new();
        for _ in 0..self.count(OUTLINE_POINTS_MAX)? {
            points.push(self.point()?);
        }
        Ok(points)
    }

    fn point(&mut self) -> Result<(i32, i32)> {
        let (x, y) = (unzigzag(self.number()?), unzigzag(self.number()?));
        self.pen = within(self.pen.0.wrapping_add(x), self.pen.1.wrapping_add(y))?;
        Ok(self.pen)
    }

    fn color(&mut self) -> Result<Option<Rgb>> {
        match self.structure.byte()? {
            0 => Ok(None),
            1 => Ok(Some(self.structure.array()?)),
            _ => Err(PlanError::Kind),
        }
    }
}

fn index(number: u32, count: usize) -> Result<Option<u16>> {
    let Some(index) = number.checked_sub(1) else { return Ok(None) };
    let index = u16::try_from(index).ok().filter(|&index| usize::from(index) < count);
    index.map(Some).ok_or(PlanError::Reference)
}

fn within(x: i32, y: i32) -> Result<(i32, i32)> {
    let inside = |value: i32| value.unsigned_abs() <= REACH;
    if inside(x) && inside(y) { Ok((x, y)) } else { Err(PlanError::Coordinate) }
}

/// As `write!` would: a plan has a number for each seat, and this is shorter and faster.
fn push_decimal(text: &mut String, value: u32) {
    if value >= 10 {
        push_decimal(text, value / 10);
    }
    let digit = wide(value % 10);
    text.push_str(&"0123456789"[digit..=digit]);
}
