use proptest::prelude::*;

use super::*;
use crate::seat_map::{samples, *};

fn assert_round_trip(map: &SeatMap) -> Vec<u8> {
    let layout = Layout::compile(map);
    let plan = layout.to_plan();
    assert_eq!(Layout::from_plan(&plan).unwrap(), layout);
    plan
}

#[test]
fn zigzag_is_small_near_zero() {
    assert_eq!([0, -1, 1, -2, i32::MAX, i32::MIN].map(zigzag), [0, 1, 2, 3, u32::MAX - 1, u32::MAX]);
}

proptest! {
    #[test]
    fn zigzag_and_trends_are_exact(values in prop::collection::vec(any::<i32>(), 0..8)) {
        let (mut here, mut there) = (Trend::default(), Trend::default());
        for value in values {
            prop_assert_eq!(unzigzag(zigzag(value)), value);
            prop_assert_eq!(there.follow(here.surprise(value)), value);
        }
    }

    #[test]
    fn plans_survive_the_round_trip(map in samples::maps()) {
        assert_round_trip(&map);
    }

    #[test]
    fn plans_with_everything_survive_the_round_trip(map in samples::documents()) {
        assert_round_trip(&map);
    }
}
