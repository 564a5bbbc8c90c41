//! Faults on demand. A rule names a fault and when it strikes: for the next n matches, or at a rate drawn from a seed, so
//! that a run can be repeated.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    // --- API: `match` is the start of a path, `/v1/refunds`; a method may precede it, `POST /v1/refunds`
    /// Wait before executing. The key counts as in use meanwhile.
    ApiLatency { ms: u64 },
    /// Execute, then answer 500. A key repeats the 500.
    ApiErrorAfterEffect,
    /// Answer 500 without executing. A key repeats the 500.
    ApiErrorBeforeEffect,
    /// Answer 503 without executing; nothing is kept.
    ApiUnavailable,
    /// Answer 429 without executing; nothing is kept.
    ApiRateLimited,
    /// Answer 409 `lock_timeout` without executing; nothing is kept.
    ApiLocked,
    /// Reset the connection without executing.
    ApiResetBefore,
    /// Execute, then reset the connection. A key repeats the good answer.
    ApiResetAfter,
    // --- webhooks: `match` is the start of an event type
    /// Send later.
    WebhookDelay { ms: u64 },
    /// Never send; the event stays readable in the API.
    WebhookDrop,
    /// Send this many more copies.
    WebhookDuplicate { copies: u32 },
    /// Send at a random moment within `ms`, so that events overtake each other.
    WebhookReorder { ms: u64 },
    /// Sign with a secret nobody has.
    WebhookWrongSecret,
    /// Two signatures, of an old secret and of the right one, as during a roll.
    WebhookTwoV1,
    /// Sign with a timestamp this many seconds in the past (negative: the future).
    WebhookOldTimestamp { secs: i64 },
    /// When a session is created: at once send a wrongly signed event that says it was paid.
    WebhookForge,
    // --- refunds: no `match`
    /// The refund is created with this status: `pending` (until resolved) or `failed`.
    RefundStatus { status: RefundOutcome },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOutcome {
    Pending,
    Failed,
}

/// A fault and when it strikes. Without `next` and `rate` it always does.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rule {
    #[serde(flatten)]
    pub fault: Fault,
    #[serde(default, rename = "match")]
    pub matches: Option<String>,
    /// Strikes left.
    #[serde(default)]
    pub next: Option<u32>,
    /// 0 to 1.
    #[serde(default)]
    pub rate: Option<f64>,
    #[serde(default)]
    pub seed: u64,
    /// How often it struck.
    #[serde(default)]
    pub hits: u32,
    #[serde(skip)]
    random: Option<StdRng>,
}

#[derive(Default)]
pub struct Chaos {
    pub rules: Vec<Rule>,
}

impl Chaos {
    pub fn add(&mut self, mut rule: Rule) -> Result<(), &'static str> {
        if rule.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err("rate must be between 0 and 1");
        }
        if self.rules.len() == 100 {
            return Err("at most 100 rules");
        }
        rule.hits = 0;
        self.rules.push(rule);
        Ok(())
    }

    /// Faults for an API call.
    pub fn api(&mut self, method: &str, path: &str) -> Vec<Fault> {
        let call = format!("{method} {path}");
        self.strike(
            |fault| fault.name().starts_with("api_"),
            |text| call.starts_with(text) || path.starts_with(text),
        )
    }

    /// Faults for an event.
    pub fn webhook(&mut self, event_type: &str) -> Vec<Fault> {
        self.strike(
            |fault| fault.name().starts_with("webhook_") && *fault != Fault::WebhookForge,
            |text| event_type.starts_with(text),
        )
    }

    pub fn forges(&mut self) -> bool {
        !self.strike(|fault| *fault == Fault::WebhookForge, |_| true).is_empty()
    }

    pub fn refund(&mut self) -> Option<RefundOutcome> {
        self.strike(|fault| matches!(fault, Fault::RefundStatus { .. }), |_| true).into_iter().find_map(
            |fault| match fault {
                Fault::RefundStatus { status } => Some(status),
                _ => None,
            },
        )
    }

    /// A number below `limit` from the rules' own dice.
    pub fn roll(&mut self, limit: u64) -> u64 {
        let rule = self.rules.iter_mut().find(|rule| matches!(rule.fault, Fault::WebhookReorder { .. }));
        rule.map_or(0, |rule| rule.dice().random_range(0..limit.max(1)))
    }

    fn strike(&mut self, kind: impl Fn(&Fault) -> bool, matches: impl Fn(&str) -> bool) -> Vec<Fault> {
        let mut faults = Vec::new();
        for rule in &mut self.rules {
            if !kind(&rule.fault) || !rule.matches.as_deref().is_none_or(&matches) || rule.next == Some(0) {
                continue;
            }
            if let Some(rate) = rule.rate
                && !rule.dice().random_bool(rate)
            {
                continue;
            }
            rule.next = rule.next.map(|left| left - 1);
            rule.hits += 1;
            faults.push(rule.fault.clone());
        }
        faults
    }
}

impl Rule {
    fn dice(&mut self) -> &mut StdRng {
        self.random.get_or_insert_with(|| StdRng::seed_from_u64(self.seed))
    }
}

impl Fault {
    /// As in JSON: `api_latency`.
    fn name(&self) -> &'static str {
        match self {
            Self::ApiLatency { .. } => "api_latency",
            Self::ApiErrorAfterEffect => "api_error_after_effect",
            Self::ApiErrorBeforeEffect => "api_error_before_effect",
            Self::ApiUnavailable => "api_unavailable",
            Self::ApiRateLimited => "api_rate_limited",
            Self::ApiLocked => "api_locked",
            Self::ApiResetBefore => "api_reset_before",
            Self::ApiResetAfter => "api_reset_after",
            Self::WebhookDelay { .. } => "webhook_delay",
            Self::WebhookDrop => "webhook_drop",
            Self::WebhookDuplicate { .. } => "webhook_duplicate",
            Self::WebhookReorder { .. } => "webhook_reorder",
            Self::WebhookWrongSecret => "webhook_wrong_secret",
            Self::WebhookTwoV1 => "webhook_two_v1",
            Self::WebhookOldTimestamp { .. } => "webhook_old_timestamp",
            Self::WebhookForge => "webhook_forge",
            Self::RefundStatus { .. } => "refund_status",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn counted_rules_end_and_match() {
        let mut chaos = Chaos::default();
        chaos.add(rule(r#"{"fault":"api_unavailable","match":"POST /v1/refunds","next":2}"#)).unwrap();
        assert!(chaos.api("GET", "/v1/refunds").is_empty());
        assert_eq!(chaos.api("POST", "/v1/refunds"), [Fault::ApiUnavailable]);
        assert_eq!(chaos.api("POST", "/v1/refunds").len(), 1);
        assert!(chaos.api("POST", "/v1/refunds").is_empty());
        assert_eq!(chaos.rules[0].hits, 2);
    }

    #[test]
    fn a_seed_repeats_a_run() {
        let run = || {
            let mut chaos = Chaos::default();
            chaos.add(rule(r#"{"fault":"webhook_drop","rate":0.5,"seed":7}"#)).unwrap();
            (0..50).map(|_| chaos.webhook("charge.succeeded").len()).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert!(run().contains(&0) && run().contains(&1));
    }

    #[test]
    fn names_are_those_of_the_json() {
        for name in ["api_reset_after", "webhook_two_v1", "webhook_forge"] {
            let rule = rule(&format!(r#"{{"fault":"{name}"}}"#));
            assert_eq!(rule.fault.name(), name);
        }
        assert!(serde_json::from_str::<Rule>(r#"{"fault":"nonsense"}"#).is_err());
        assert!(Chaos::default().add(rule(r#"{"fault":"webhook_drop","rate":2}"#)).is_err());
    }
}
