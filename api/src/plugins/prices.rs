//! Prices of holds and orders, after plugins.
//!
//! A look at a hold works its price out anew; the price of an order is worked out once more before the transaction that
//! claims its places, and the claim compares what it was worked out from. Nothing runs inside the transaction.

use std::sync::Arc;

use chrono::Utc;
use eventflow_core::{
    ErrorCode, Refusal,
    pricing::{Priced, Totals},
};
use eventflow_plugin_host::{
    FailurePolicy, Hook, Host, Keep, Key, Patience, Quote as Asked, Receipt, Refused, Settings, Step,
    Stopped,
    hooks::{self, CartRequests},
    pricing::{GuardRails, Item, Prices},
    values::{Cart, Violation},
};
use eventflow_store::{
    Error, Scope,
    holds::{Hold, Line, Wishes},
    new_uuid,
    offers::Offer,
    orders::{self, Adjustment, Quote},
    plugins::Version,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Turn, cart, fetch, off_thread, row};
use crate::{app::App, problem::Failure};

/// What is priced.
pub struct Ask<'a> {
    pub scope: &'a Scope,
    pub offer: &'a Arc<Offer>,
    /// The hold, or the order that it becomes.
    pub hold: Uuid,
    /// The id of it, for receipts.
    pub subject: String,
    pub wishes: &'a Wishes,
    /// Empty while it is not known.
    pub buyer_email: &'a str,
    /// Whether a buyer only looks.
    pub preview: bool,
    /// Whether the organizer asks, who is told which plugin is at fault.
    pub organizer: bool,
}

/// Lets the plugins of the event change the prices of `lines`. Without plugins nothing happens.
///
/// # Errors
/// For an order: `price_unconfirmed` when a plugin that it must not go without does not answer, `cart_refused` when a
/// plugin has something against the cart.
pub async fn ask(app: &App, ask: &Ask<'_>, lines: &mut [Line]) -> Result<Quote, Failure> {
    let installed = app.plugins.of(app, ask.scope).await?;
    let event = ask.offer.event.id;
    let pricing = installed.turns(event, Hook::Pricing);
    let validation = if ask.preview { Vec::new() } else { installed.turns(event, Hook::Validation) };
    if pricing.is_empty() && validation.is_empty() {
        return Ok(Quote { revision: installed.revision.revision, ..Quote::default() });
    }
    // A hold has no address: a price that depended on it would differ between the hold and its order.
    let (event_id, email) = (ask.offer.event_id(), ask.buyer_email);
    let owned = match validation.is_empty() || email.is_empty() {
        true => 0,
        false => app.db.run(ask.scope, async |tx| orders::places_of_buyer(tx, event_id, email).await).await?,
    };
    let demand = app.holds.demand(ask.scope, ask.offer).await?;
    let cart = cart::cart(&cart::Facts {
        offer: ask.offer,
        demand: &demand,
        lines,
        wishes: ask.wishes,
        hold: ask.hold,
        now: Utc::now(),
        preview: ask.preview,
    });
    let base = lines.iter().map(|line| line.tier.price).collect();
    let prices = Prices::new(ask.offer.currency, guard_rails(ask.offer), base);
    let keep = match ask.preview {
        true if !app.plugins.receipts.has_room_for_recordings(ask.scope.tenant) => Keep::None,
        _ => Keep::All,
    };
    let host = app.plugins.host()?;
    let asked = Asked::new(cart, prices, keep);
    let owned = u32::try_from(owned).unwrap_or(u32::MAX);
    let (asked, verdict) = run(app, ask.scope, host, asked, owned, (&pricing, &validation)).await?;
    let (receipts, tenant) = (&app.plugins.receipts, ask.scope.tenant);
    receipts.count(tenant, &asked.calls);
    let refusal = match verdict {
        Ok(violations) if violations.is_empty() => None,
        Ok(violations) => Some(cart_refused(&violations)),
        Err(refused) => Some(unconfirmed(&refused, ask.organizer)),
    };
    if refusal.is_some() || ask.preview {
        receipts.keep(tenant, &ask.subject, ask.preview, &asked.calls);
    }
    if let Some(refusal) = refusal {
        return Err(refusal.into());
    }
    let Asked { prices, calls, is_degraded, .. } = asked;
    let rows = |called| row(called, &ask.subject, false);
    Ok(Quote {
        revision: installed.revision.revision,
        adjustments: adjust(lines, prices, &pricing)?,
        // Those of an order are written with it.
        receipts: if ask.preview { Vec::new() } else { calls.iter().map(rows).collect() },
        is_degraded,
    })
}

/// More plugins than this are never called on a thread that serves requests, though each of them may be quick.
const AT_ONCE_MAX: usize = 8;

type Verdict = Result<Vec<Violation>, Refused>;

/// All calls: on this thread if they are few and short, else beside those that serve requests. What a plugin wants to have fetched comes between. Whoever judges the cart
/// knows how many tickets the buyer has already.
async fn run(
    app: &App,
    scope: &Scope,
    host: Arc<Host>,
    mut asked: Asked,
    tickets_owned: u32,
    (pricing, validation): (&[Turn], &[Turn]),
) -> Result<(Asked, Verdict), Error> {
    let steps = |turns: &[Turn]| turns.iter().map(|turn| turn.step.clone()).collect::<Vec<Step>>();
    if pricing.iter().chain(validation).all(|turn| turn.fetches.is_none()) {
        let (pricing, validation) = (steps(pricing), steps(validation));
        let are_few = pricing.len() + validation.len() <= AT_ONCE_MAX;
        let price = move |mut asked: Asked, patience| {
            let quoted = host.quote(&mut asked, &pricing, patience);
            asked.cart.buyer.tickets_owned = tickets_owned;
            let verdict = quoted.and_then(|()| host.validate(&mut asked, &validation, patience));
            (asked, verdict)
        };
        // Most calls are shorter than the way to another thread and back.
        if are_few {
            let (priced, verdict) = price(asked, Patience::Short);
            if verdict != Err(Stopped::TooLong) {
                return Ok((priced, refused(verdict)?));
            }
            asked = priced.again();
        }
        let (priced, verdict) = app.plugins.call(scope.tenant, move || price(asked, Patience::Full)).await?;
        return Ok((priced, refused(verdict)?));
    }
    let mut violations = Vec::new();
    let turns = pricing.iter().map(|turn| (turn, false)).chain(validation.iter().map(|turn| (turn, true)));
    for (turn, validates) in turns {
        asked.prices.show(&mut asked.cart);
        if validates {
            asked.cart.buyer.tickets_owned = tickets_owned;
        }
        asked.cart.responses = Vec::new();
        let cart = std::mem::take(&mut asked.cart);
        let (cart, responses) = fetch::responses::<CartRequests>(app, scope, &host, turn, cart).await?;
        asked.cart = Cart { responses, ..cart };
        let (host, step) = (host.clone(), turn.step.clone());
        let (back, verdict) = off_thread(move || {
            let verdict = match validates {
                true => host.validate(&mut asked, std::slice::from_ref(&step), Patience::Full),
                false => host.price(&mut asked, &step, Patience::Full).map(|()| Vec::new()),
            };
            (asked, verdict)
        })
        .await?;
        asked = back;
        match refused(verdict)? {
            Ok(found) => violations.extend(found),
            Err(refused) => return Ok((asked, Err(refused))),
        }
    }
    Ok((asked, Ok(violations)))
}

/// What is left of an answer with all the patience that there is.
fn refused(verdict: Result<Vec<Violation>, Stopped>) -> Result<Verdict, Error> {
    match verdict {
        Ok(violations) => Ok(Ok(violations)),
        Err(Stopped::Refused(refused)) => Ok(Err(refused)),
        Err(Stopped::TooLong) => Err(Error::Corrupt("a plugin was not called to its end".to_owned())),
    }
}

/// The organizer's limits; they hold whatever plugins say.
fn guard_rails(offer: &Offer) -> GuardRails {
    let limits = offer.price_limits;
    GuardRails {
        floor_bps: limits.floor_bps.unsigned_abs(),
        cap_bps: limits.cap_bps.unsigned_abs(),
        discount_max_minor: limits.discount_max_minor,
    }
}

/// Puts the new prices on the lines, and says what each change comes to for the buyer: taxes are worked out on the price
/// after it, so that the changes of a ticket add up to the difference of what it costs.
fn adjust(lines: &mut [Line], asked: Prices, turns: &[Turn]) -> Result<Vec<Adjustment>, Refusal> {
    let mut prices: Vec<_> = lines.iter().map(|line| line.tier.price).collect();
    let items = asked.into_items();
    let mut adjustments = Vec::with_capacity(items.len());
    for item in items {
        let (Some(price), Some(line)) = (prices.get_mut(item.line), lines.get_mut(item.line)) else {
            continue;
        };
        price.price_minor += item.amount_minor;
        let after = price.priced().map_err(|error| {
            Refusal::new(ErrorCode::LimitReached, format!("A price after plugins: {error}."))
        })?;
        let before = std::mem::replace(&mut line.priced, after);
        adjustments.extend(adjustment(item, before, after, turns));
    }
    Ok(adjustments)
}

fn adjustment(item: Item, before: Priced, after: Priced, turns: &[Turn]) -> Option<Adjustment> {
    let turn = turns.iter().find(|turn| turn.step.name == item.plugin)?;
    Some(Adjustment {
        id: new_uuid(),
        item: i32::try_from(item.line).ok()?,
        plugin_id: turn.step.key.plugin,
        plugin: item.plugin,
        version: turn.version.clone(),
        label: item.label,
        reason: item.reason,
        amount_minor: after.gross_minor - before.gross_minor,
        net_minor: after.net_minor - before.net_minor,
        is_limited: item.is_limited,
    })
}

/// Sums of lines, after plugins.
pub fn totals(lines: &[Line]) -> Result<Totals, Refusal> {
    Totals::sum(lines.iter().map(|line| line.priced))
        .map_err(|error| Refusal::new(ErrorCode::LimitReached, format!("The sum of the prices: {error}.")))
}

fn cart_refused(violations: &[Violation]) -> Refusal {
    let texts: Vec<&str> = violations.iter().map(|violation| violation.text.as_str()).collect();
    let codes = violations.iter().map(|violation| violation.code.clone()).collect();
    Refusal::new(ErrorCode::CartRefused, texts.join(" ")).objects(codes)
}

/// A plugin that the order must not go without: the hold stays, and the buyer may try again.
fn unconfirmed(refused: &Refused, organizer: bool) -> Refusal {
    let (plugin, outcome) = (&refused.plugin, refused.outcome.name());
    tracing::warn!(plugin, outcome, "an order is refused: a plugin did not answer");
    let mut detail =
        "The price of these places cannot be confirmed at the moment. Nothing was bought: try again."
            .to_owned();
    if organizer {
        detail = format!("{detail} The plugin `{plugin}` did not answer ({outcome}); its receipts say why.");
    }
    Refusal::new(ErrorCode::PriceUnconfirmed, detail).retry_after(5)
}

/// A version of a plugin that is tried on a hold, with settings of its own.
pub struct Trial<'a> {
    pub scope: &'a Scope,
    pub offer: &'a Arc<Offer>,
    pub plugin: Uuid,
    pub version: &'a Version,
    pub config: Value,
    /// Key-value pairs, with the grant.
    pub values: Option<Vec<(String, String)>>,
    /// Whether the cart is judged instead of priced.
    pub validates: bool,
}

/// What came of it.
pub struct Tried {
    pub receipt: Receipt,
    pub answer: Option<Value>,
    pub adjustments: Vec<Adjustment>,
    pub totals: Totals,
}

/// Calls the version once; nothing of it is kept.
pub async fn try_out(app: &App, trial: &Trial<'_>, mut hold: Hold) -> Result<Tried, Failure> {
    let settings =
        Settings::new(&trial.config, trial.values.clone().map(|all| Arc::new(all.into_iter().collect())))
            .map_err(|error| {
                Refusal::new(ErrorCode::PluginConfigInvalid, error.to_string()).param("config")
            })?;
    let _turn = app.plugins.turn(trial.scope.tenant).await?;
    let plugin = app.plugins.restore(app, trial.scope, trial.version.id).await?;
    let plugin = plugin.map_err(|error| Refusal::new(ErrorCode::PluginInvalid, error.to_string()))?;
    let demand = app.holds.demand(trial.scope, trial.offer).await?;
    let cart = cart::cart(&cart::Facts {
        offer: trial.offer,
        demand: &demand,
        lines: &hold.lines,
        wishes: &hold.wishes,
        hold: hold.id.uuid(),
        now: Utc::now(),
        preview: true,
    });
    let base = hold.lines.iter().map(|line| line.tier.price).collect();
    let prices = Prices::new(trial.offer.currency, guard_rails(trial.offer), base);
    let key = Key { tenant: trial.scope.tenant.uuid(), plugin: trial.plugin };
    let (name, version) = (plugin.manifest.name.clone(), plugin.manifest.version.clone());
    let step = Step { key, name, settings, policy: FailurePolicy::Skip };
    let turn = Turn { step: step.clone(), version, fetches: None };
    let mut asked = Asked::new(cart, prices, Keep::Failures);
    let (host, validates) = (app.plugins.host()?, trial.validates);
    let (asked, receipt, answer) = off_thread(move || {
        let (receipt, answer) = match validates {
            true => {
                let call = plugin.call::<hooks::Validation>(host.engine(), &step.settings, &asked.cart);
                (call.receipt, call.answer.map(|answer| json!(answer)))
            }
            false => {
                let mut call = plugin.call::<hooks::Pricing>(host.engine(), &step.settings, &asked.cart);
                asked.prices.take(&mut call);
                (call.receipt, call.answer.map(|answer| json!(answer)))
            }
        };
        (asked, receipt, answer)
    })
    .await?;
    let adjustments = adjust(&mut hold.lines, asked.prices, &[turn])?;
    Ok(Tried { receipt, answer, adjustments, totals: totals(&hold.lines)? })
}
