//! Sample data: a stadium of any size, for benchmarks, tests and demonstrations. No event of a real house uses it.
//!
//! The bowl is an oval of four arcs that meet without a kink; every row is a part of a parallel oval. There are four
//! stands, three tiers as floors, a standing terrace, boxes, tables, wheelchair places with companions, vomitories and a
//! pitch. Units are centimetres.

use std::f64::consts::{FRAC_PI_2, PI};

use super::document::*;

/// Centres of the arcs: of the long stands on the vertical axis, of the short ones on the horizontal axis.
const LONG_CENTRE: f64 = 3_800.0;
const SHORT_CENTRE: f64 = 4_200.0;
/// Radius of the innermost row of the short stands; that of the long ones follows.
const SHORT_RADIUS: f64 = 3_800.0;
const SEAT_PITCH: f64 = 50.0;
const ROW_PITCH: f64 = 80.0;
/// Between two blocks, and between two tiers, where people walk and boxes stand.
const AISLE: f64 = 120.0;
const TIER_GAP: f64 = 700.0;
/// Sizes from which on there are boxes and tables.
const HOSPITALITY_FROM: u32 = 5_000;
/// Places of a row that make room for the mouth of a stairway, and the rows that it takes.
const VOMITORY_PLACES: u32 = 6;
const VOMITORY_ROWS: std::ops::Range<usize> = 9..13;

/// A stadium with exactly this many seats, at most [`SEATS_MAX`], its tiers on three floors. It has no findings.
pub fn stadium(seats: u32) -> SeatMap {
    let wanted = usize::try_from(seats).unwrap_or(SEATS_MAX).min(SEATS_MAX);
    let hospitality = if seats >= HOSPITALITY_FROM { hospitality() } else { Vec::new() };
    let tables = hospitality.iter().flat_map(|section| &section.tables);
    let booths: usize = hospitality.iter().map(|section| section.booths.len()).sum();
    let reserved = tables.fold(booths, |sum, table| sum + count(table.count()));
    let blocks = blocks_of(wanted.saturating_sub(reserved));
    let mut map = SeatMap {
        name: format!("Stadium of {wanted} seats"),
        categories: categories(seats >= HOSPITALITY_FROM),
        focal_point: Some(Point::default()),
        floors: floors(&blocks),
        zones: Stand::ALL
            .iter()
            .map(|stand| Zone { key: stand.key().into(), name: stand.name().into() })
            .collect(),
        sections: blocks.iter().filter(|block| !block.rows.is_empty()).map(Block::section).collect(),
        ga_areas: vec![terrace(lower_rows(&blocks))],
        shapes: pitch(),
        ..SeatMap::default()
    };
    map.sections.extend(hospitality);
    let used = |key: &str| {
        map.ga_areas.iter().any(|area| area.category == key)
            || map.sections.iter().any(|section| uses(section, key))
    };
    let categories = map.categories.iter().filter(|category| used(&category.key)).cloned().collect();
    map.categories = categories;
    let in_use = |key: &str| {
        let sections = map.sections.iter().map(|section| &section.zone);
        sections.chain(map.ga_areas.iter().map(|area| &area.zone)).any(|zone| zone.as_deref() == Some(key))
    };
    let zones = map.zones.iter().filter(|zone| in_use(&zone.key)).cloned().collect();
    map.zones = zones;
    let outside = blocks.iter().map(|block| block.depth_of(block.rows.len())).fold(0.0, f64::max);
    signs(&mut map, outside);
    map
}

/// The same stadium as one plan without floors: all seats are in view at once.
pub fn stadium_on_one_floor(seats: u32) -> SeatMap {
    let mut map = stadium(seats);
    map.floors.clear();
    map.sections.iter_mut().for_each(|section| section.floor = None);
    map.ga_areas.iter_mut().for_each(|area| area.floor = None);
    map.icons.iter_mut().for_each(|icon| icon.floor = None);
    map
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stand {
    North,
    East,
    South,
    West,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Tier {
    Lower,
    Middle,
    Upper,
}

/// A sector of a stand in one tier.
#[derive(Debug)]
struct Block {
    key: String,
    stand: Stand,
    tier: Tier,
    /// Angles of its edges, clockwise.
    from: f64,
    to: f64,
    /// Distance of its first row from the innermost row of the house.
    depth: f64,
    /// Places of each row.
    rows: Vec<u32>,
}

impl Stand {
    const ALL: [Stand; 4] = [Stand::North, Stand::East, Stand::South, Stand::West];

    const fn key(self) -> &'static str {
        ["north", "east", "south", "west"][self as usize]
    }
    const fn name(self) -> &'static str {
        ["North stand", "East stand", "South stand", "West stand"][self as usize]
    }
    const fn is_long(self) -> bool {
        matches!(self, Self::North | Self::South)
    }

    /// The middle of the arc of the stand's rows.
    fn centre(self) -> (f64, f64) {
        match self {
            Self::North => (0.0, LONG_CENTRE),
            Self::South => (0.0, -LONG_CENTRE),
            Self::East => (SHORT_CENTRE, 0.0),
            Self::West => (-SHORT_CENTRE, 0.0),
        }
    }

    /// The direction of its middle, clockwise from the top.
    const fn direction(self) -> f64 {
        [0.0, FRAC_PI_2, PI, PI + FRAC_PI_2][self as usize]
    }

    /// From its middle to either end.
    fn half_angle(self) -> f64 {
        let long = SHORT_CENTRE.atan2(LONG_CENTRE);
        if self.is_long() { long } else { FRAC_PI_2 - long }
    }

    fn radius(self, depth: f64) -> f64 {
        let long = SHORT_RADIUS + SHORT_CENTRE.hypot(LONG_CENTRE);
        depth + if self.is_long() { long } else { SHORT_RADIUS }
    }

    /// The point at this angle (clockwise from the top) and distance from the innermost row.
    fn point(self, angle: f64, depth: f64) -> Point {
        let ((x, y), radius) = (self.centre(), self.radius(depth));
        rounded(x + radius * angle.sin(), y - radius * angle.cos())
    }
}

impl Tier {
    const ALL: [Tier; 3] = [Tier::Lower, Tier::Middle, Tier::Upper];

    const fn key(self) -> &'static str {
        ["lower", "middle", "upper"][self as usize]
    }
    const fn name(self) -> &'static str {
        ["Lower tier", "Middle tier", "Upper tier"][self as usize]
    }
    const fn blocks(self, stand: Stand) -> u32 {
        let (long, short) = [(8, 5), (10, 6), (12, 8)][self as usize];
        if stand.is_long() { long } else { short }
    }

    /// How many of all rows of the house it has: small houses have one tier, larger ones two or three.
    const fn share(self, rows: usize) -> usize {
        let (lower, middle) = match rows {
            0..=20 => (rows, 0),
            21..=40 => (rows - rows * 2 / 5, rows * 2 / 5),
            _ => ((rows * 7).div_ceil(20), rows / 4),
        };
        [lower, middle, rows - lower - middle][self as usize]
    }

    fn row_labels(self) -> RowLabels {
        match self {
            Self::Lower => RowLabels::default(),
            Self::Middle => {
                RowLabels { style: LabelStyle::Letters, skip: "IO".into(), ..RowLabels::default() }
            }
            Self::Upper => RowLabels { start: 101, ..RowLabels::default() },
        }
    }
}

impl Block {
    fn depth_of(&self, row: usize) -> f64 {
        self.depth + ROW_PITCH * f64::from(u32::try_from(row).unwrap_or(u32::MAX))
    }

    /// From the middle of the block to where its rows end.
    fn half_angle(&self, depth: f64) -> f64 {
        (self.to - self.from) / 2.0 - AISLE / 2.0 / self.stand.radius(depth)
    }

    /// Places that fit into a row.
    fn room(&self, row: usize) -> u32 {
        let depth = self.depth_of(row);
        (2.0 * self.half_angle(depth) * self.stand.radius(depth) / SEAT_PITCH) as u32 + 1
    }

    /// Positions (from 1) where a stairway comes out.
    fn vomitory(&self, row: usize) -> std::ops::Range<u32> {
        let places = self.rows[row];
        let first = places.saturating_sub(VOMITORY_PLACES) / 2 + 1;
        let open = self.tier == Tier::Lower && VOMITORY_ROWS.contains(&row) && places > 3 * VOMITORY_PLACES;
        if open { first..first + VOMITORY_PLACES } else { 0..0 }
    }

    fn seats(&self) -> usize {
        (0..self.rows.len()).map(|row| count(self.rows[row]) - self.vomitory(row).len()).sum()
    }

    fn section(&self) -> Section {
        let edge = |depth: f64| {
            let steps = (0..=4).map(f64::from);
            steps.map(move |step| self.stand.point(self.from + (self.to - self.from) * step / 4.0, depth))
        };
        let inner = edge(self.depth - ROW_PITCH / 2.0);
        let outer: Vec<Point> = edge(self.depth_of(self.rows.len()) - ROW_PITCH / 2.0).collect();
        Section {
            key: self.key.clone(),
            name: format!("Block {}", self.key),
            floor: Some(self.tier.key().into()),
            zone: Some(self.stand.key().into()),
            entrance: Some(format!("Gate {}", ["A", "B", "C", "D"][self.stand as usize])),
            outline: inner.chain(outer.into_iter().rev()).collect(),
            row_labels: Some(self.tier.row_labels()),
            rows: (0..self.rows.len()).map(|row| self.row(row)).collect(),
            ..Section::default()
        }
    }

    fn row(&self, row: usize) -> Row {
        let (places, depth) = (self.rows[row], self.depth_of(row));
        let (middle, half) = ((self.from + self.to) / 2.0, self.half_angle(depth));
        let curve = self.stand.radius(depth) * (1.0 - half.cos());
        Row {
            category: self.category(row).into(),
            start: self.stand.point(middle - half, depth),
            end: self.stand.point(middle + half, depth),
            curve: (curve * 10.0).round() / 10.0,
            spacing: Some(SEAT_PITCH),
            count: places,
            seats: self.exceptions(row),
            ..Row::default()
        }
    }

    fn category(&self, row: usize) -> &'static str {
        match (self.tier, self.stand.is_long()) {
            (Tier::Lower, true) if row < 12 => "c1",
            (Tier::Middle, true) => "c1",
            (Tier::Lower, _) => "c2",
            (Tier::Middle, false) => "c3",
            (Tier::Upper, true) => "c4",
            (Tier::Upper, false) => "c5",
        }
    }

    fn exceptions(&self, row: usize) -> Vec<SeatRule> {
        let (places, vomitory) = (self.rows[row], self.vomitory(row));
        let is_last = row + 1 == self.rows.len();
        let platform = self.tier == Tier::Lower && is_last && places > 8;
        let exception = |position: u32| {
            let mut rule = SeatRule { position, skip: vomitory.contains(&position), ..SeatRule::default() };
            if rule.skip {
                return rule;
            }
            if platform && position <= 4 {
                let kind = if position % 2 == 1 { SeatTrait::Wheelchair } else { SeatTrait::Companion };
                rule.traits = vec![SeatTrait::Accessible, kind];
            }
            if self.tier == Tier::Upper && is_last && position.is_multiple_of(9) {
                rule.traits.push(SeatTrait::RestrictedView);
            }
            if position == 1 || position == places {
                rule.traits.push(SeatTrait::Aisle);
            }
            rule
        };
        (1..=places).map(exception).filter(|rule| rule.skip || !rule.traits.is_empty()).collect()
    }
}

/// Blocks with exactly this many seats. The rows of the outermost tier are shorter by the seats that are too many.
fn blocks_of(seats: usize) -> Vec<Block> {
    let total = |blocks: &[Block]| blocks.iter().map(Block::seats).sum::<usize>();
    let mut rows = 1;
    let mut blocks = blocks_with(rows);
    while total(&blocks) < seats {
        rows += 1;
        blocks = blocks_with(rows);
    }
    loop {
        let surplus = total(&blocks) - seats;
        let outermost = blocks.iter().rev().find(|block| !block.rows.is_empty()).map(|block| block.tier);
        let outer_blocks = || blocks.iter().filter(|block| Some(block.tier) == outermost);
        let outer_rows: usize = outer_blocks().map(|block| block.rows.len()).sum();
        if surplus == 0 || outer_rows == 0 {
            return blocks;
        }
        let share = u32::try_from(surplus.div_ceil(outer_rows)).unwrap_or(u32::MAX);
        let mut left = surplus;
        for block in blocks.iter_mut().filter(|block| Some(block.tier) == outermost) {
            for row in 0..block.rows.len() {
                let (before, places) = (block.seats(), block.rows[row]);
                block.rows[row] -= share.min(u32::try_from(left).unwrap_or(u32::MAX)).min(places);
                // A stairway that closes gives places back.
                left = left.saturating_sub(before.saturating_sub(block.seats()));
            }
            block.rows.retain(|&places| places > 0);
        }
    }
}

/// All blocks of a house with this many rows, tier by tier and clockwise. The west end's lower tier is a terrace.
fn blocks_with(rows: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut depth = 0.0;
    for (tier, hundred) in Tier::ALL.into_iter().zip(1..) {
        let mut number = 0;
        for stand in Stand::ALL {
            let (from, half, sectors) = (stand.direction(), stand.half_angle(), tier.blocks(stand));
            for sector in 0..sectors {
                number += 1;
                if tier == Tier::Lower && stand == Stand::West {
                    continue;
                }
                let edge = |nth: u32| from - half + 2.0 * half * f64::from(nth) / f64::from(sectors);
                let mut block = Block {
                    key: format!("{hundred}{number:02}"),
                    stand,
                    tier,
                    from: edge(sector),
                    to: edge(sector + 1),
                    depth,
                    rows: Vec::new(),
                };
                block.rows = (0..tier.share(rows)).map(|row| block.room(row)).collect();
                blocks.push(block);
            }
        }
        depth += ROW_PITCH * f64::from(u32::try_from(tier.share(rows)).unwrap_or(u32::MAX)) + TIER_GAP;
    }
    blocks
}

fn floors(blocks: &[Block]) -> Vec<Floor> {
    let tiers = Tier::ALL.into_iter().filter(|&tier| {
        tier == Tier::Lower || blocks.iter().any(|block| block.tier == tier && !block.rows.is_empty())
    });
    tiers.map(|tier| Floor { key: tier.key().into(), name: tier.name().into() }).collect()
}

fn lower_rows(blocks: &[Block]) -> usize {
    blocks.iter().filter(|block| block.tier == Tier::Lower).map(|block| block.rows.len()).max().unwrap_or(0)
}

/// Standing places behind the western goal.
fn terrace(rows: usize) -> GaArea {
    let depth = ROW_PITCH * f64::from(u32::try_from(rows.max(5)).unwrap_or(u32::MAX));
    let (west, half) = (Stand::West, Stand::West.half_angle() - 0.02);
    let edge = |depth: f64| {
        (-8..=8).map(move |step| west.point(west.direction() + half * f64::from(step) / 8.0, depth))
    };
    let outer: Vec<Point> = edge(depth - ROW_PITCH / 2.0).collect();
    GaArea {
        key: "terrace".into(),
        name: "West terrace (standing)".into(),
        category: "standing".into(),
        capacity: 3_000,
        points: edge(-ROW_PITCH / 2.0).chain(outer.into_iter().rev()).collect(),
        floor: Some(Tier::Lower.key().into()),
        zone: Some(west.key().into()),
        entrance: Some("Gate D".into()),
        ..GaArea::default()
    }
}

/// Boxes along the north side of the pitch and tables along the south side.
fn hospitality() -> Vec<Section> {
    let along = |nth: i32, step: f64| (f64::from(nth) - 5.5) * step;
    let section = |key: &str, name: &str, stand: Stand| Section {
        key: key.into(),
        name: name.into(),
        floor: Some(Tier::Lower.key().into()),
        zone: Some(stand.key().into()),
        entrance: Some("Gate VIP".into()),
        ..Section::default()
    };
    let booth = |nth: i32| Booth {
        label: format!("B{}", nth + 1),
        category: "hospitality".into(),
        centre: rounded(along(nth, 420.0), -4_300.0),
        width: 360.0,
        height: 240.0,
        ..Booth::default()
    };
    let table = |nth: i32| Table {
        label: format!("T{}", nth + 1),
        category: "hospitality".into(),
        centre: rounded(along(nth, 420.0), 4_350.0),
        shape: match nth % 3 {
            2 => TableShape::Rectangle { width: 240.0, height: 160.0, sides: [3, 1, 3, 1] },
            _ => TableShape::Round { radius: 90.0, chairs: 6 },
        },
        sold: if nth % 2 == 0 { TableSale::Seats } else { TableSale::Whole },
        ..Table::default()
    };
    vec![
        Section { booths: (0..12).map(booth).collect(), ..section("BOX", "Boxes", Stand::North) },
        Section { tables: (0..12).map(table).collect(), ..section("LNG", "Lounge", Stand::South) },
    ]
}

fn uses(section: &Section, category: &str) -> bool {
    section.rows.iter().any(|row| row.category == category)
        || section.tables.iter().any(|table| table.category == category)
        || section.booths.iter().any(|booth| booth.category == category)
}

fn categories(hospitality: bool) -> Vec<Category> {
    let all = [
        ("hospitality", "Hospitality", "#7a3e9d"),
        ("c1", "Category 1", "#b3261e"),
        ("c2", "Category 2", "#d9730d"),
        ("c3", "Category 3", "#b8960c"),
        ("c4", "Category 4", "#2e7d4f"),
        ("c5", "Category 5", "#2b6cb0"),
        ("standing", "Standing", "#5b6770"),
    ];
    let kept = all.into_iter().filter(|(key, ..)| hospitality || *key != "hospitality");
    kept.map(|(key, name, color)| Category { key: key.into(), name: name.into(), color: color.into() })
        .collect()
}

/// The field of play with its lines.
fn pitch() -> Vec<Shape> {
    let box_of = |x: f64, y: f64, to_x: f64, to_y: f64| vec![rounded(x, y), rounded(to_x, to_y)];
    let line = |kind: ShapeKind, points: Vec<Point>| Shape {
        kind,
        points,
        stroke: Some("#ffffff".into()),
        stroke_width: 12.0,
        ..Shape::default()
    };
    let turf = Shape {
        points: box_of(-5_750.0, -3_800.0, 5_750.0, 3_800.0),
        fill: Some("#3f7d4a".into()),
        ..Shape::default()
    };
    vec![
        turf,
        line(ShapeKind::Rectangle, box_of(-5_250.0, -3_400.0, 5_250.0, 3_400.0)),
        line(ShapeKind::Polyline, box_of(0.0, -3_400.0, 0.0, 3_400.0)),
        line(ShapeKind::Ellipse, box_of(-915.0, -915.0, 915.0, 915.0)),
        line(ShapeKind::Rectangle, box_of(-5_250.0, -2_016.0, -3_600.0, 2_016.0)),
        line(ShapeKind::Rectangle, box_of(3_600.0, -2_016.0, 5_250.0, 2_016.0)),
    ]
}

/// Names of the stands and pictograms around the house.
fn signs(map: &mut SeatMap, outside: f64) {
    let kinds = [IconKind::Entrance, IconKind::Toilet, IconKind::Food, IconKind::Bar, IconKind::FirstAid];
    for stand in Stand::ALL {
        map.texts.push(TextLabel {
            at: stand.point(stand.direction(), outside + 700.0),
            text: stand.name().into(),
            size: 500.0,
            rotation: if stand.is_long() { 0.0 } else { stand.direction().to_degrees().round() },
            ..TextLabel::default()
        });
        for (kind, nth) in kinds.into_iter().zip(1..) {
            let angle = stand.direction() - stand.half_angle() + stand.half_angle() * f64::from(nth) / 3.0;
            let floor = (kind == IconKind::FirstAid).then(|| Tier::Lower.key().to_owned());
            map.icons.push(Icon { at: stand.point(angle, outside + 250.0), kind, size: 300.0, floor });
        }
    }
}

fn count(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// A tenth of a centimetre is exact enough, and the same on every machine.
fn rounded(x: f64, y: f64) -> Point {
    Point { x: (x * 10.0).round() / 10.0, y: (y * 10.0).round() / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Layout, validate},
        *,
    };

    #[test]
    fn stadiums_have_the_seats_that_were_asked_for_and_nothing_to_mend() {
        for seats in [1, 300, 4_999, 5_000, 10_000, 50_000, 100_000] {
            for map in [stadium(seats), stadium_on_one_floor(seats)] {
                assert_eq!(Layout::compile(&map).seat_count(), seats);
                assert_eq!(validate(&map), [], "{seats}");
                assert_eq!(SeatMap::from_json(&map.to_json()).unwrap(), map);
            }
        }
        let most = Layout::compile(&stadium(u32::MAX));
        assert_eq!(most.seats().len(), SEATS_MAX);
    }

    #[test]
    fn a_large_one_has_everything() {
        let map = stadium(100_000);
        let layout = Layout::compile(&map);
        assert_eq!((layout.floors().len(), layout.zones().len(), layout.ga_areas().len()), (3, 4, 1));
        for wanted in
            [SeatTrait::Wheelchair, SeatTrait::Companion, SeatTrait::RestrictedView, SeatTrait::Aisle]
        {
            assert!(layout.seats().iter().any(|seat| seat.traits.contains(wanted)), "{wanted:?}");
        }
        for label in ["101-1-1", "201-J-3", "301-101-9", "BOX-B12", "LNG-T3-8"] {
            assert!(layout.find(label).is_some(), "{label}");
        }
        assert!(layout.find("201-I-3").is_none());
        assert_eq!(layout.pitch(), 5_000);
    }
}
