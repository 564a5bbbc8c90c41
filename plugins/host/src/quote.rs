//! Plugins about one cart: the organizer's plugins one after the other, each seeing what the ones before it changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Call, Outcome, Patience, Receipt, TooLong},
    hooks::{self, HookType},
    host::{Host, Key},
    manifest::Fixture,
    plugin::Plugin,
    pricing::{AnswerError, Prices},
    settings::Settings,
    values::{Adjustment, Cart, Violation},
};

/// What a failure of a plugin means. The organizer chooses for each hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// Go on without it. The receipt and [`Quote::is_degraded`] say so.
    Skip,
    /// No order without it. A look at a cart still goes on, and is marked as degraded.
    Refuse,
}

/// One plugin in the organizer's order.
#[derive(Debug, Clone)]
pub struct Step {
    pub key: Key,
    /// For people, while no version is there to say it.
    pub name: String,
    pub settings: Settings,
    pub policy: FailurePolicy,
}

/// Which calls are kept with all that they depended on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    None,
    Failures,
    All,
}

/// What is left of a call.
#[derive(Debug, Clone)]
pub struct Called {
    pub plugin: Uuid,
    pub receipt: Receipt,
    /// To run it again.
    pub recording: Option<Box<Fixture>>,
}

/// A cart whose price is being worked out.
#[derive(Debug, Clone)]
pub struct Quote {
    /// `cart.preview` says whether a buyer looks or an order is made.
    pub cart: Cart,
    pub prices: Prices,
    /// One for each call, in order.
    pub calls: Vec<Called>,
    /// Whether a plugin is missing in the prices.
    pub is_degraded: bool,
    keep: Keep,
}

/// Why prices are not worked out to the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Only with [`Patience::Short`]: begin again with more.
    #[error("it takes longer")]
    TooLong,
}

impl From<TooLong> for Stopped {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

/// An order cannot be made: a plugin that it must not go without did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{plugin}` did not answer")]
pub struct Refused {
    pub plugin: String,
    pub outcome: Outcome,
}

impl Quote {
    /// The lines of `cart` are those of `prices`.
    pub fn new(cart: Cart, prices: Prices, keep: Keep) -> Self {
        Self { cart, prices, calls: Vec::new(), is_degraded: false, keep }
    }

    /// As it was before the first call.
    #[must_use]
    pub fn again(self) -> Self {
        Self { prices: self.prices.again(), calls: Vec::new(), is_degraded: false, ..self }
    }

    fn missing(&mut self, step: &Step, outcome: Outcome) -> Result<(), Refused> {
        self.is_degraded = true;
        if step.policy == FailurePolicy::Refuse && !self.cart.preview {
            return Err(Refused { plugin: step.name.clone(), outcome });
        }
        Ok(())
    }
}

impl Host {
    /// Asks each plugin for its prices. Blocks for all calls together, as long as there is patience.
    pub fn quote(&self, quote: &mut Quote, steps: &[Step], patience: Patience) -> Result<(), Stopped> {
        steps.iter().try_for_each(|step| self.price(quote, step, patience))
    }

    /// Asks one plugin for its prices.
    pub fn price(&self, quote: &mut Quote, step: &Step, patience: Patience) -> Result<(), Stopped> {
        quote.prices.show(&mut quote.cart);
        let Some(plugin) = self.plugin(step.key) else {
            return Ok(quote.missing(step, Outcome::NoSuchHook)?);
        };
        let mut call = self.priced(&plugin, step, &quote.cart, patience)?;
        if let Err(error) = quote.prices.try_take(&call) {
            spoil(Arc::make_mut(&mut call), &error);
        }
        let outcome = call.receipt.outcome;
        quote.calls.push(kept::<hooks::Pricing>(&plugin, step, &quote.cart, &call, quote.keep));
        if outcome == Outcome::Answered { Ok(()) } else { Ok(quote.missing(step, outcome)?) }
    }

    /// The plugin's answer: one that it gave before, if it is told the same.
    fn priced(
        &self,
        plugin: &Plugin,
        step: &Step,
        cart: &Cart,
        patience: Patience,
    ) -> Result<Arc<Call<Vec<Adjustment>>>, TooLong> {
        let asked = plugin.answers.ask(&plugin.manifest, &step.settings, cart);
        if let Some(call) = asked.as_ref().and_then(|asked| plugin.answers.find(asked)) {
            return Ok(call);
        }
        let called = (step.key, &step.settings);
        let call = self.call_within::<hooks::Pricing>(plugin, called, cart, patience)?;
        asked.inspect(|asked| plugin.answers.keep(asked, &call));
        Ok(Arc::new(call))
    }

    /// Asks each plugin what speaks against the cart, whose prices are as they are now.
    pub fn validate(
        &self,
        quote: &mut Quote,
        steps: &[Step],
        patience: Patience,
    ) -> Result<Vec<Violation>, Stopped> {
        quote.prices.show(&mut quote.cart);
        let mut violations = Vec::new();
        for step in steps {
            let Some(plugin) = self.plugin(step.key) else {
                quote.missing(step, Outcome::NoSuchHook)?;
                continue;
            };
            let called = (step.key, &step.settings);
            let call = self.call_within::<hooks::Validation>(&plugin, called, &quote.cart, patience)?;
            let outcome = call.receipt.outcome;
            quote.calls.push(kept::<hooks::Validation>(&plugin, step, &quote.cart, &call, quote.keep));
            match call.answer {
                Some(found) => violations.extend(found),
                None => quote.missing(step, outcome)?,
            }
        }
        Ok(violations)
    }

    /// One call of any hook, with what is kept of it; `None` while no version is published.
    pub fn ask<H: HookType>(
        &self,
        step: &Step,
        input: &H::Input,
        keep: Keep,
    ) -> Option<(Call<H::Output>, Called)> {
        let plugin = self.plugin(step.key)?;
        let call = self.call_full::<H>(&plugin, step.key, &step.settings, input);
        let called = kept::<H>(&plugin, step, input, &call, keep);
        Some((call, called))
    }
}

fn kept<H: HookType>(
    plugin: &Plugin,
    step: &Step,
    input: &H::Input,
    call: &Call<H::Output>,
    keep: Keep,
) -> Called {
    let receipt = call.receipt.clone();
    let is_answered = receipt.outcome == Outcome::Answered;
    // Whoever was not called has nothing to run again.
    let was_called = !matches!(receipt.outcome, Outcome::Busy | Outcome::Suspended);
    let is_kept = was_called && (keep == Keep::All || keep == Keep::Failures && !is_answered);
    // An input that is no JSON cannot be: it was made of Rust values.
    let told = || {
        let seen = H::seen(&plugin.manifest, input);
        serde_json::to_value(seen.as_ref().unwrap_or(input)).ok()
    };
    let input = is_kept.then(told).flatten();
    let output = || {
        let answer = call.answer.as_ref().filter(|_| is_answered);
        answer.and_then(|answer| serde_json::to_value(answer).ok())
    };
    let recording =
        input.map(|input| Box::new(Fixture { output: output(), ..step.settings.recorded(H::HOOK, input) }));
    Called { plugin: step.key.plugin, receipt, recording }
}

impl Prices {
    /// Applies the answer of a call, if there is one; what does not fit becomes the outcome of the call.
    pub fn take(&mut self, call: &mut Call<Vec<Adjustment>>) {
        if let Err(error) = self.try_take(call) {
            spoil(call, &error);
        }
    }

    fn try_take(&mut self, call: &Call<Vec<Adjustment>>) -> Result<(), AnswerError> {
        match &call.answer {
            Some(adjustments) => self.apply(&call.receipt.plugin, adjustments),
            None => Ok(()),
        }
    }
}

fn spoil(call: &mut Call<Vec<Adjustment>>, error: &AnswerError) {
    call.receipt.outcome = Outcome::BadOutput;
    call.receipt.detail = error.to_string();
}
