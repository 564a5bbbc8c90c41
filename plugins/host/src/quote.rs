//! The price of a cart: the organizer's plugins one after the other, each seeing what the ones before it changed.

use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, Outcome, Receipt},
    hooks,
    host::{Host, Key},
    pricing::Prices,
    settings::Settings,
    values::Cart,
};

/// What a failure of a plugin means. The organizer chooses for each hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// Go on without it. The receipt and [`Quoted::is_degraded`] say so.
    Skip,
    /// No order without it. A look at a cart still goes on, and is marked as degraded.
    Refuse,
}

/// One plugin in the organizer's order.
#[derive(Debug, Clone)]
pub struct Step {
    pub key: Key,
    pub settings: Settings,
    pub policy: FailurePolicy,
}

/// Prices after all plugins.
#[derive(Debug, Clone)]
pub struct Quoted {
    pub prices: Prices,
    /// One for each call, in order.
    pub receipts: Vec<Receipt>,
    /// Whether a plugin is missing in the prices.
    pub is_degraded: bool,
}

/// An order cannot be priced: a plugin that it must not go without did not answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the price could not be confirmed: `{plugin}` did not answer")]
pub struct Refused {
    pub plugin: String,
    pub outcome: Outcome,
    pub receipts: Vec<Receipt>,
}

impl Host {
    /// Asks each plugin about `cart`, whose lines are those of `prices`. `cart.preview` says whether a buyer looks or an
    /// order is made. Blocks for all calls together.
    pub fn quote(&self, steps: &[Step], mut cart: Cart, mut prices: Prices) -> Result<Quoted, Refused> {
        let (mut receipts, mut is_degraded) = (Vec::new(), false);
        for step in steps {
            prices.show(&mut cart);
            let Some(mut call) = self.call::<hooks::Pricing>(step.key, &step.settings, &cart) else {
                is_degraded = true;
                if step.policy == FailurePolicy::Refuse && !cart.preview {
                    let plugin = step.key.plugin.to_string();
                    return Err(Refused { plugin, outcome: Outcome::NoSuchHook, receipts });
                }
                continue;
            };
            apply(&mut prices, &mut call);
            let outcome = call.receipt.outcome;
            let plugin = call.receipt.plugin.clone();
            receipts.push(call.receipt);
            if outcome == Outcome::Answered {
                continue;
            }
            is_degraded = true;
            if step.policy == FailurePolicy::Refuse && !cart.preview {
                return Err(Refused { plugin, outcome, receipts });
            }
        }
        Ok(Quoted { prices, receipts, is_degraded })
    }
}

fn apply(prices: &mut Prices, call: &mut Call<Vec<crate::values::Adjustment>>) {
    let Some(adjustments) = &call.answer else { return };
    if let Err(error) = prices.apply(&call.receipt.plugin, adjustments) {
        call.receipt.outcome = Outcome::BadOutput;
        call.receipt.detail = error.to_string();
    }
}
