//! Whether an event can be published: pure, over what was read before.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use eventflow_core::{ErrorCode, Refusal};

use crate::{schema::price_tiers, seat_maps::Outline};

/// Objects named in one refusal.
const OBJECTS_MAX: usize = 100;

/// A price tier as far as publishing is concerned.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = price_tiers)]
pub(super) struct Tier {
    pub name: String,
    pub category: Option<String>,
    pub ga_area: Option<String>,
}

/// Everything that decides whether an event can be published.
pub(super) struct Readiness<'a> {
    pub starts_at: DateTime<Utc>,
    pub now: DateTime<Utc>,
    pub tiers: Vec<Tier>,
    /// The categories that seats have.
    pub used_categories: Vec<String>,
    pub outline: &'a Outline,
    pub allow_unpriced: bool,
}

impl Readiness<'_> {
    pub fn check(&self) -> Result<(), Refusal> {
        let refuse = |detail: &str| Err(Refusal::new(ErrorCode::EventNotReady, detail));
        if self.starts_at <= self.now {
            return refuse("The event has to start in the future.")
                .map_err(|refusal| refusal.param("starts_at"));
        }
        if self.tiers.is_empty() {
            return refuse("The event needs an active price tier.");
        }
        let strays = self.strays();
        if !strays.is_empty() {
            let detail =
                "These price tiers name a category or a standing area that the seat map does not have.";
            return refuse(detail).map_err(|refusal| refusal.objects(strays));
        }
        let unpriced = self.unpriced();
        if !unpriced.is_empty() && !self.allow_unpriced {
            let detail = "These categories and areas have no active price tier, so nobody could buy their places. \
                          Send `allow_unpriced` if that is meant.";
            return refuse(detail).map_err(|refusal| refusal.objects(unpriced));
        }
        Ok(())
    }

    /// Names of tiers that apply to nothing.
    fn strays(&self) -> Vec<String> {
        let categories: HashSet<&str> =
            self.outline.categories.iter().map(|category| category.key.as_str()).collect();
        let areas: HashSet<&str> = self.outline.ga_areas.iter().map(|area| area.key.as_str()).collect();
        let applies = |tier: &&Tier| {
            let to_category = tier.category.as_deref().is_some_and(|key| categories.contains(key));
            to_category || tier.ga_area.as_deref().is_some_and(|key| areas.contains(key))
        };
        self.tiers
            .iter()
            .filter(|tier| !applies(tier))
            .map(|tier| tier.name.clone())
            .take(OBJECTS_MAX)
            .collect()
    }

    /// `category:<key>` and `ga_area:<key>` of what nobody could buy.
    fn unpriced(&self) -> Vec<String> {
        let categories: HashSet<&str> =
            self.tiers.iter().filter_map(|tier| tier.category.as_deref()).collect();
        let areas: HashSet<&str> = self.tiers.iter().filter_map(|tier| tier.ga_area.as_deref()).collect();
        let categories = self
            .used_categories
            .iter()
            .filter(|key| !categories.contains(key.as_str()))
            .map(|key| format!("category:{key}"));
        let areas = self
            .outline
            .ga_areas
            .iter()
            .filter(|area| !areas.contains(area.key.as_str()))
            .map(|area| format!("ga_area:{}", area.key));
        categories.chain(areas).take(OBJECTS_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use eventflow_core::seat_map::{Category, GaArea};

    use super::*;

    fn now() -> DateTime<Utc> {
        "2027-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn publishing_names_what_has_no_price() {
        let category = |key: &str| Category { key: key.into(), name: key.into(), color: "#000000".into() };
        let area = GaArea {
            key: "floor".into(),
            name: "Floor".into(),
            category: "a".into(),
            capacity: 5,
            ..GaArea::default()
        };
        let outline = Outline { categories: vec![category("a"), category("b")], ga_areas: vec![area] };
        let tier = |category: Option<&str>, ga_area: Option<&str>| Tier {
            name: "Adult".into(),
            category: category.map(Into::into),
            ga_area: ga_area.map(Into::into),
        };
        let check = |tiers: Vec<Tier>, allow_unpriced| {
            let readiness = Readiness {
                starts_at: now() + TimeDelta::days(1),
                now: now(),
                tiers,
                used_categories: vec!["a".into()],
                outline: &outline,
                allow_unpriced,
            };
            readiness.check().map_err(|refusal| refusal.objects)
        };
        assert_eq!(check(vec![tier(Some("a"), None), tier(None, Some("floor"))], false), Ok(()));
        // A category that only re-tiering uses is no stray.
        assert_eq!(check(vec![tier(Some("b"), None)], true), Ok(()));
        assert_eq!(
            check(vec![tier(Some("b"), None)], false),
            Err(vec!["category:a".into(), "ga_area:floor".into()])
        );
        assert_eq!(check(vec![tier(Some("z"), None)], true), Err(vec!["Adult".into()]));
        assert_eq!(check(vec![], true), Err(vec![]));
    }
}
