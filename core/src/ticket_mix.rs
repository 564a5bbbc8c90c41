//! The mix of ticket types in one hold: how many of a type are sold at once, and which types need company.

use crate::seat_map::Rule;

/// What a price tier asks of a hold with tickets of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TierRule {
    /// The fewest and most tickets of the tier in one hold that has any; 0 for no limit.
    pub min: u32,
    pub max: u32,
    /// Sold only together with a ticket of a tier that is not accompanied: children.
    pub accompanied: bool,
}

/// A rule of the mix that a hold breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixViolation {
    pub rule: Rule,
    /// The position of the tier in what was checked.
    pub tier: usize,
    /// The number that is asked for; 0 where the rule has none.
    pub limit: u32,
}

impl MixViolation {
    /// The violation in a sentence, with the way out. `name` is the tier's.
    pub fn sentence(&self, name: &str) -> String {
        let limit = self.limit;
        match self.rule {
            Rule::TierMin => format!("At least {limit} tickets of `{name}` are sold at once."),
            Rule::TierMax => format!("At most {limit} tickets of `{name}` are sold at once."),
            _ => format!(
                "Tickets of `{name}` are sold together with tickets for somebody who comes along only."
            ),
        }
    }
}

/// Every rule that the tickets break: for each tier its rule and how many tickets of it there are, each tier once.
pub fn check(tickets: &[(TierRule, u32)]) -> Vec<MixViolation> {
    let alone = tickets.iter().all(|(tier, count)| *count == 0 || tier.accompanied);
    let of_tier = |(position, (tier, count)): (usize, &(TierRule, u32))| {
        let broken = [
            (Rule::TierMin, tier.min, *count < tier.min),
            (Rule::TierMax, tier.max, tier.max > 0 && *count > tier.max),
            (Rule::Accompanied, 0, tier.accompanied && alone),
        ];
        broken.into_iter().filter(|(.., is_broken)| *is_broken).map(move |(rule, limit, _)| MixViolation {
            rule,
            tier: position,
            limit,
        })
    };
    tickets.iter().enumerate().filter(|(_, (_, count))| *count > 0).flat_map(of_tier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(tickets: &[(TierRule, u32)]) -> Vec<(usize, Rule, u32)> {
        check(tickets).iter().map(|violation| (violation.tier, violation.rule, violation.limit)).collect()
    }

    #[test]
    fn fewest_and_most_of_a_tier() {
        let family = TierRule { min: 3, max: 5, accompanied: false };
        let adult = TierRule::default();
        assert_eq!(broken(&[(adult, 100)]), []);
        assert_eq!(broken(&[(adult, 1), (family, 0)]), [], "a tier without tickets asks for nothing");
        assert_eq!(broken(&[(adult, 1), (family, 2)]), [(1, Rule::TierMin, 3)]);
        assert_eq!(broken(&[(family, 3)]), []);
        assert_eq!(broken(&[(family, 6)]), [(0, Rule::TierMax, 5)]);
    }

    #[test]
    fn children_come_with_somebody() {
        let child = TierRule { accompanied: true, ..TierRule::default() };
        let toddler = TierRule { max: 1, ..child };
        let adult = TierRule::default();
        assert_eq!(broken(&[(adult, 1), (child, 4)]), []);
        assert_eq!(broken(&[(adult, 0), (child, 1)]), [(1, Rule::Accompanied, 0)]);
        assert_eq!(
            broken(&[(child, 1), (toddler, 2)]),
            [(0, Rule::Accompanied, 0), (1, Rule::TierMax, 1), (1, Rule::Accompanied, 0)]
        );
        assert_eq!(broken(&[]), []);
    }

    #[test]
    fn violations_name_the_tier() {
        let violation = MixViolation { rule: Rule::TierMin, tier: 0, limit: 2 };
        assert_eq!(violation.sentence("Family"), "At least 2 tickets of `Family` are sold at once.");
        let alone = MixViolation { rule: Rule::Accompanied, limit: 0, ..violation };
        assert!(alone.sentence("Child").starts_with("Tickets of `Child`"));
    }
}
