//! What is a few dozen bytes in the browser, where the standard library makes hundreds for each type.

/// Collects into a list.
pub trait Gather: Iterator + Sized {
    /// As `collect`, which becomes a function of its own for every kind of iterator.
    #[inline(always)]
    fn gather(self) -> Vec<Self::Item> {
        let mut list = Vec::new();
        for item in self {
            list.push(item);
        }
        list
    }
}

impl<I: Iterator> Gather for I {}

/// The root, rounded down, of a number below 2^62.
pub fn root(square: u64) -> u64 {
    // The nearest floating point number is never below the root's whole part, and hardly above it.
    let root = (square as f64).sqrt() as u64;
    root - u64::from(root * root > square)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn roots_are_rounded_down(root_: u32, less in 0..3_u64) {
            let whole = u64::from(root_ >> 1);
            for square in [whole * whole, (whole * whole).saturating_sub(less), whole * whole + less] {
                prop_assert_eq!(root(square), square.isqrt());
            }
        }
    }

    #[test]
    fn lists_keep_their_order() {
        assert_eq!((0..4).filter(|n| n % 2 == 1).gather(), [1, 3]);
    }
}
