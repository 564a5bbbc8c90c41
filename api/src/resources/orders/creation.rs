//! A new order: a hold becomes an order and a checkout (T1, T2); a box office sells at once.

use std::sync::Arc;

use chrono::{SubsecRound, TimeDelta, Utc};
use eventflow_core::{
    ErrorCode, Id, Refusal, access::Permission, id, ledger::Clearing, pricing::Totals as CoreTotals,
};
use eventflow_store::{
    Error, Result as StoreResult, Tx, api_keys,
    holds::{Line, Place, Wishes},
    idempotency::{self, Known},
    offers::Offer,
    orders::{self, Claim, NewOrder, Order as Stored},
};
use poem_openapi::{
    Enum, Object,
    types::{Example, ParseFromJSON, ToJSON},
};

use super::{Order, load, shape};
use crate::{
    auth::{Call, Principal},
    checkout, config,
    plugins::prices,
    problem::Failure,
    resources::{
        check_email, normal_email,
        places::{BestAvailable, ItemInput, check_locale, ignores_rules, wanted, wishes},
    },
    tokens::{BuyerToken, Subject},
    wire::{Ref, Text},
};

/// Places stay pinned in Redis this much longer than our deadline: the lapse frees them first.
const PIN_MARGIN_SECS: i64 = 120;
/// A buyer's token for an order ends this long after the event.
const TOKEN_AFTER_EVENT: TimeDelta = TimeDelta::days(30);

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum Provider {
    /// A hosted page of Stripe.
    Stripe,
    /// Box office: the money changes hands outside of EventFlow.
    Manual,
    /// Nothing to pay.
    Free,
}

/// How a manual order is paid. An invoice is paid later, by `orders.pay`; the others have been paid at the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum ManualMethod {
    Cash,
    CardTerminal,
    Invoice,
}

impl ManualMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::CardTerminal => "card_terminal",
            Self::Invoice => "invoice",
        }
    }
}

/// Who buys.
#[derive(Debug, Object)]
struct BuyerInput {
    /// Where the tickets go. May be empty at a box office.
    #[oai(default)]
    email: Text<0, 254>,
    #[oai(default)]
    name: Text<0, 200>,
}

/// A new order: of a hold, or with a secret key of places directly (held, claimed and settled in one request).
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct NewOrderInput {
    hold_id: Option<Ref<id::Hold>>,
    /// The hold's token; not needed when it is the credential of the request, or with a secret key and `event_id`.
    hold_token: Option<Text<1, 4096>>,
    /// The event of `items`, `best_available` or (with a secret key) of the hold. Beside a token it is the event of that.
    event_id: Option<Ref<id::Event>>,
    #[oai(default, validator(max_items = 100))]
    items: Vec<ItemInput>,
    best_available: Option<BestAvailable>,
    /// The box office knows better: the rules of the event are not judged for `items` and `best_available`.
    #[oai(default)]
    ignore_seat_rules: bool,
    /// Codes that the buyer typed, for `items` and `best_available`; a hold has its own.
    #[oai(default, validator(max_items = 5))]
    codes: Vec<Text<1, 40>>,
    /// The buyer's language, as `de` or `en-GB`. Default: that of the hold.
    locale: Option<Text<2, 35>>,
    buyer: BuyerInput,
    /// Default: `stripe`, or `free` when there is nothing to pay. `manual` needs `orders:manual`.
    provider: Option<Provider>,
    manual_method: Option<ManualMethod>,
    /// Where the buyer goes after paying; `{ORDER_ID}` in it becomes the id of the order. Default: a page of ours that
    /// shows the order and its tickets. Without a secret key: a page of an origin that a publishable key is registered for.
    #[oai(default)]
    success_url: Text<0, 2000>,
    /// Where the buyer goes who does not pay. Default: a page of ours that leads back to the payment. Without a secret key:
    /// as `success_url`.
    #[oai(default)]
    cancel_url: Text<0, 2000>,
    /// What you showed the buyer: another sum is refused with `price_changed`.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000000000")))]
    expected_total_minor: Option<i64>,
}

impl Example for NewOrderInput {
    fn example() -> Self {
        Self {
            hold_id: Some(Ref::from(uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057))),
            hold_token: None,
            event_id: None,
            items: vec![],
            best_available: None,
            ignore_seat_rules: false,
            codes: vec![],
            locale: None,
            buyer: BuyerInput { email: Text("ada@example.org".into()), name: Text("Ada Lovelace".into()) },
            provider: None,
            manual_method: None,
            success_url: Text("https://shop.example/thanks".into()),
            cancel_url: Text("https://shop.example/basket".into()),
            expected_total_minor: None,
        }
    }
}

/// What has been decided about a new order before anything is written.
struct Plan {
    provider: &'static str,
    method: &'static str,
    settles_now: bool,
}

fn plan(call: &Call, input: &NewOrderInput, total_minor: i64) -> Result<Plan, Refusal> {
    if input.expected_total_minor.is_some_and(|expected| expected != total_minor) {
        let detail = format!("The places cost {total_minor} now. Show the buyer the new sum.");
        return Err(Refusal::new(ErrorCode::PriceChanged, detail).param("expected_total_minor"));
    }
    match input.provider {
        Some(Provider::Manual) => {
            call.require(Permission::OrdersManual)?;
            if matches!(call.principal, Principal::Buyer(_)) {
                return Err(Refusal::new(ErrorCode::PermissionDenied, "Manual payment needs a secret key."));
            }
            let method = input.manual_method.unwrap_or(ManualMethod::Cash);
            Ok(Plan {
                provider: "manual",
                method: method.as_str(),
                settles_now: method != ManualMethod::Invoice,
            })
        }
        Some(Provider::Free) if total_minor > 0 => {
            Err(Refusal::invalid("provider", "Only an order of 0 is free."))
        }
        _ if total_minor == 0 => Ok(Plan { provider: "free", method: "", settles_now: true }),
        _ => {
            if call.app.payments.is_none() {
                checkout::provider(&call.app)?;
            }
            Ok(Plan { provider: "stripe", method: "", settles_now: false })
        }
    }
}

fn check(call: &Call, input: &NewOrderInput) -> Result<(), Refusal> {
    let manual = input.provider == Some(Provider::Manual);
    let email = Some(&*input.buyer.email).filter(|email| !(manual && email.is_empty()));
    check_email("buyer.email", email)?;
    check_locale(input.locale.as_ref())?;
    let direct = !input.items.is_empty() || input.best_available.is_some();
    match (input.hold_id.is_some(), direct) {
        (true, true) => Err(Refusal::invalid("hold_id", "Name a hold, or places; not both.")),
        (true, false) if !input.codes.is_empty() => {
            Err(Refusal::invalid("codes", "A hold has its own codes. Place it with them."))
        }
        (false, false) => {
            Err(Refusal::invalid("hold_id", "Name a hold, or places with `items` or `best_available`."))
        }
        (false, true) if !matches!(call.principal, Principal::Secret { .. }) => Err(Refusal::new(
            ErrorCode::PermissionDenied,
            "Only a server may order places directly. Place a hold first.",
        )),
        _ => Ok(()),
    }
}

/// Anybody can make an order with what stands in a page, and pass the link to its payment on. It must not lead from the
/// name of the organizer to a page of somebody else: only a server sends its buyers wherever it likes.
async fn check_return_urls(call: &Call, input: &NewOrderInput) -> Result<(), Failure> {
    let mut registered = match call.principal {
        Principal::Publishable { .. } => Some(call.origins.clone()),
        _ => None,
    };
    for (param, url) in [("success_url", &input.success_url), ("cancel_url", &input.cancel_url)] {
        if url.is_empty() {
            continue;
        }
        let origin = web_origin(url).ok_or_else(|| {
            Refusal::invalid(param, "Expected a URL that begins with `https://` and names a host.")
        })?;
        if matches!(call.principal, Principal::Secret { .. }) {
            continue;
        }
        if origin == call.app.origin {
            // There are shops of others there, too.
            if is_of_another_event(url, event_of(call, input)?) {
                let detail = "The page sells another event than the order's.";
                return Err(Refusal::new(ErrorCode::ReturnUrlDenied, detail).param(param).into());
            }
            continue;
        }
        // A buyer's token does not tell in whose page it is used.
        let origins = match &mut registered {
            Some(origins) => origins,
            None => {
                let all = call.read(async |tx| api_keys::origins(tx).await).await?;
                registered.insert(all.into())
            }
        };
        if !origins.contains(&origin) {
            let detail = format!(
                "Register the origin `{origin}` with the publishable key, or order with a secret key."
            );
            return Err(Refusal::new(ErrorCode::ReturnUrlDenied, detail).param(param).into());
        }
    }
    Ok(())
}

/// Whether a page of ours is the shop of an event other than that.
fn is_of_another_event(url: &str, event: Id<id::Event>) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return true };
    let mut path = url.path().split('/').filter(|part| !part.is_empty());
    path.next() == Some("e") && path.next() != Some(&event.to_string())
}

/// The origin of a URL with `http` or `https`, a host, no user and no password; `None` for any other. `{ORDER_ID}` and the
/// provider's `{CHECKOUT_SESSION_ID}` may stand in it.
fn web_origin(url: &str) -> Option<String> {
    let plain = url
        .replace(eventflow_payments::SESSION_ID_PLACEHOLDER, "session")
        .replace(checkout::ORDER_ID_PLACEHOLDER, "order");
    let uri: poem::http::Uri = plain.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let is_web = matches!(scheme, "http" | "https")
        && !authority.host().is_empty()
        && !authority.as_str().contains('@');
    is_web.then(|| config::origin_of(&format!("{scheme}://{authority}")))
}

/// The event of the hold, from whatever proves the right to it. Who names another one means something else.
fn event_of(call: &Call, input: &NewOrderInput) -> Result<Id<id::Event>, Refusal> {
    let event = proven_event(call, input)?;
    if input.event_id.is_some_and(|named| named.0 != event) {
        return Err(Refusal::invalid("event_id", "The hold is of another event."));
    }
    Ok(event)
}

fn proven_event(call: &Call, input: &NewOrderInput) -> Result<Id<id::Event>, Refusal> {
    if let (Principal::Buyer(token), Some(hold)) = (&call.principal, input.hold_id) {
        call.require_hold(hold.0)?;
        return Ok(token.event);
    }
    if let (Some(text), Some(hold)) = (&input.hold_token, input.hold_id) {
        let token = call
            .app
            .tokens
            .verify(text)
            .filter(|token| token.tenant == call.tenant() && token.subject == Subject::Hold(hold.0));
        return token.map(|token| token.event).ok_or_else(|| {
            Refusal::new(ErrorCode::HoldExpired, "The token does not belong to this hold, or has expired.")
                .param("hold_token")
        });
    }
    match (&call.principal, input.event_id) {
        (Principal::Secret { .. }, Some(event)) => Ok(event.0),
        (Principal::Secret { .. }, None) => {
            let detail =
                "Name the event of the hold or places, or send the `hold_token` that came with the hold.";
            Err(Refusal::invalid("event_id", detail))
        }
        _ => Err(Refusal::invalid("hold_token", "Send the token that came with the hold.")),
    }
}

/// What [`place_order`] works with.
struct Prepared {
    offer: Arc<Offer>,
    lines: Vec<Line>,
    sums: CoreTotals,
    new: NewOrder,
}

const INVOICE: &str = ManualMethod::Invoice.as_str();
/// How long a place is kept for an invoice, until the event begins at the latest.
const INVOICE_TERM: TimeDelta = TimeDelta::days(14);

async fn prepare(
    call: &Call,
    input: &NewOrderInput,
    id: Id<id::Order>,
    offer: Arc<Offer>,
    (mut lines, mut wishes): (Vec<Line>, Wishes),
) -> Result<Prepared, Failure> {
    if let Some(locale) = &input.locale {
        wishes.locale = locale.0.clone();
    }
    let ask = prices::Ask {
        scope: &call.scope,
        offer: &offer,
        hold: id.uuid(),
        subject: id.to_string(),
        wishes: &wishes,
        buyer_email: &input.buyer.email,
        preview: false,
        organizer: matches!(call.principal, Principal::Secret { .. }),
    };
    let quote = prices::ask(&call.app, &ask, &mut lines).await?;
    let sums = prices::totals(&lines)?;
    let plan = plan(call, input, sums.total_minor)?;
    let (ours, theirs) = checkout::deadlines(offer.event.checkout_secs);
    let seller = call.app.seller(&call.scope).await?;
    if plan.provider == "stripe" {
        // Paid in one mode and settled in the other, the money would be nobody's.
        checkout::check_mode(&call.app, seller.livemode)?;
    }
    // A transfer takes days; whoever sends an invoice waits for it until the event.
    let ours = match plan.method {
        INVOICE => (Utc::now().trunc_subsecs(6) + INVOICE_TERM).min(offer.event.starts_at).max(ours),
        _ => ours,
    };
    let connected = plan.provider == "stripe" && !seller.stripe_account.is_empty();
    let fee = if connected { sums.total_minor * i64::from(seller.application_fee_bps) / 10_000 } else { 0 };
    let new = NewOrder {
        id,
        buyer_email: normal_email(&input.buyer.email).unwrap_or_default(),
        buyer_name: input.buyer.name.0.clone(),
        buyer_ref: String::new(),
        provider: plan.provider,
        method: if plan.provider == "stripe" && offer.event.delayed_payments {
            "delayed"
        } else {
            plan.method
        }
        .into(),
        account: if connected { seller.stripe_account.clone() } else { String::new() },
        application_fee_minor: fee,
        livemode: seller.livemode,
        success_url: input.success_url.0.clone(),
        cancel_url: input.cancel_url.0.clone(),
        claim_expires_at: ours,
        first_poll_at: (plan.provider == "stripe").then(checkout::first_poll),
        provider_expires_at: (plan.provider == "stripe").then_some(theirs),
        settles_now: plan.settles_now,
        locale: wishes.locale,
        quote,
    };
    Ok(Prepared { offer, lines, sums, new })
}

/// An order as far as a request has found or made it.
enum Found {
    /// Its answer is still to be made, and may need a session at the provider.
    Stored(Box<Stored>),
    Answered(Box<Order>),
}

impl Found {
    fn id(&self) -> Id<id::Order> {
        match self {
            Self::Stored(order) => order.row.id.into(),
            Self::Answered(order) => order.id.0,
        }
    }

    fn event_id(&self) -> Id<id::Event> {
        match self {
            Self::Stored(order) => order.row.event_id.into(),
            Self::Answered(order) => order.event_id.0,
        }
    }
}

/// What an earlier request with the same key has done; None for a new one.
async fn found(tx: &mut Tx, known: Known) -> StoreResult<Option<Found>> {
    Ok(match known {
        Known::New => None,
        Known::Begun(id) => Some(Found::Stored(Box::new(orders::get(tx, id.into()).await?))),
        Known::Answered(stored) => Some(Found::Answered(Box::new(stored_order(stored)?))),
    })
}

async fn look_up(call: &Call) -> Result<Option<Found>, Failure> {
    let Some(key) = &call.idempotency else { return Ok(None) };
    let look = async |tx: &mut Tx| {
        let known = idempotency::begin(tx, key).await?;
        found(tx, known).await
    };
    call.read(look).await
}

/// T1 (and T3 when it settles at once), in one transaction with the idempotency key.
async fn place_order(call: &Call, prepared: &Prepared) -> StoreResult<Found> {
    let Prepared { offer, lines, sums, new } = prepared;
    let key = call.idempotency.as_ref();
    let claim = async |tx: &mut Tx| {
        let order = match orders::claim(tx, offer, lines, *sums, new, key).await? {
            Claim::Made(order) => order,
            Claim::Known(known) => {
                return found(tx, known)
                    .await?
                    .ok_or_else(|| Error::Corrupt("an idempotency key in use is new".into()));
            }
        };
        if checkout::waits_for_session(&order) {
            return Ok(Found::Stored(order));
        }
        let order = match &order.payment {
            Some(payment) if new.settles_now => {
                orders::settle_now(tx, new.id.uuid(), Clearing::Manual, *sums, payment.id).await?;
                load(call, tx, new.id).await?
            }
            _ => shape(call, *order, vec![]),
        };
        Ok(Found::Answered(Box::new(keep(call, tx, order).await?)))
    };
    let turn = orders::turn(offer, new);
    let found = call.app.db.run_in_turn(&call.scope, turn.as_ref(), claim).await?;
    call.app.wake_mirror();
    Ok(found)
}

fn stored_order(stored: serde_json::Value) -> StoreResult<Order> {
    Order::parse_from_json(Some(stored))
        .map_err(|error| Error::Corrupt(format!("stored order: {}", error.into_message())))
}

/// The answer for repetitions; if one of them was faster, its answer.
async fn keep(call: &Call, tx: &mut Tx, answer: Order) -> StoreResult<Order> {
    let Some(key) = &call.idempotency else { return Ok(answer) };
    let json = answer.to_json();
    match idempotency::remember(tx, key, Some(answer.id.0.uuid()), json.as_ref()).await? {
        Some(kept) if Some(&kept) != json.as_ref() => stored_order(kept),
        _ => Ok(answer),
    }
}

/// T2 where the order needs it: opens the hosted page, and keeps the finished answer for repetitions.
async fn answer(call: &Call, order: Stored) -> Result<Order, Failure> {
    let id = Id::from(order.row.id);
    let session = if checkout::waits_for_session(&order) {
        Some(checkout::session(&call.app, &call.scope, &order).await?)
    } else {
        None
    };
    let finish = async |tx: &mut Tx| {
        let answer = match &session {
            Some(session) => {
                let order = checkout::open(tx, order, session).await?;
                // An order that is not paid has no tickets to sign.
                if order.tickets.is_empty() { shape(call, order, vec![]) } else { load(call, tx, id).await? }
            }
            None => load(call, tx, id).await?,
        };
        keep(call, tx, answer).await
    };
    Ok(call.app.db.run_ahead(&call.scope, finish).await?)
}

fn with_token(call: &Call, offer: &Offer, mut order: Order) -> Order {
    let token =
        BuyerToken { tenant: call.tenant(), event: order.event_id.0, subject: Subject::Order(order.id.0) };
    order.buyer_token =
        Some(call.app.tokens.sign(token, order.created_at, offer.event.ends_at + TOKEN_AFTER_EVENT));
    order
}

async fn order_of_hold(call: &Call, input: &NewOrderInput, hold: Id<id::Hold>) -> Result<Found, Failure> {
    let event = event_of(call, input)?;
    // One hold becomes one order: they share their number, so that a repetition finds its own pin and its own row.
    let id = Id::from_uuid(hold.uuid());
    let mut shown_minor = None;
    loop {
        let offer = call.app.holds.offer(&call.scope, event).await?;
        let stay = TimeDelta::seconds(i64::from(offer.event.checkout_secs) + PIN_MARGIN_SECS);
        let lines = call.app.holds.pin(&offer, hold, id, stay).await?;
        let placed = match prepare(call, input, id, offer.clone(), lines).await {
            // The offer was old, and the new one costs something else: the buyer must see that first.
            Ok(prepared) if shown_minor.is_some_and(|shown| shown != prepared.sums.total_minor) => {
                Err((price_changed(prepared.sums.total_minor), false))
            }
            Ok(prepared) => {
                let total_minor = prepared.sums.total_minor;
                place_order(call, &prepared).await.map_err(|error| {
                    let old = is_price_changed(&error) && shown_minor.replace(total_minor).is_none();
                    (Failure::from(error), old)
                })
            }
            Err(failure) => Err((failure, false)),
        };
        match placed {
            Ok(found) => return Ok(found),
            Err((_, true)) => look_again(call, event),
            Err((failure, false)) => {
                // Only what is known not to become an order is given back: a lost COMMIT may have worked, and another request
                // with this key may be about to commit.
                let exists = call.read(async |tx| orders::row(tx, id).await).await.is_ok();
                let another_makes_it = failure.problem().code == ErrorCode::IdempotencyInFlight.code();
                if !exists && failure.is_refusal() && !another_makes_it {
                    call.app.holds.unpin(&offer, hold, id).await?;
                }
                return Err(failure);
            }
        }
    }
}

/// What the event sells, or what plugins do, has changed: both are read again.
fn look_again(call: &Call, event: Id<id::Event>) {
    call.app.holds.offers.drop(call.tenant(), event);
    call.app.plugins.forget(call.tenant());
}

fn is_price_changed(error: &Error) -> bool {
    matches!(error, Error::Refused(refusal) if refusal.code == ErrorCode::PriceChanged)
}

fn price_changed(total_minor: i64) -> Failure {
    let detail = format!("The places cost {total_minor} now. Show the buyer the new sum, then repeat.");
    Refusal::new(ErrorCode::PriceChanged, detail).into()
}

async fn order_directly(call: &Call, input: &mut NewOrderInput) -> Result<Found, Failure> {
    let event = event_of(call, input)?;
    let (items, best) = wanted(std::mem::take(&mut input.items), input.best_available.take())?;
    let ignore_rules = ignores_rules(call, input.ignore_seat_rules)?;
    let wishes = wishes(std::mem::take(&mut input.codes), input.locale.clone())?;
    let request = Place { items, best, ignore_rules, wishes, ..Place::default() };
    // An offer that turns out to be old is read again, once.
    for last in [false, true] {
        let offer = call.app.holds.offer(&call.scope, event).await?;
        let hold = call.app.holds.place(&call.scope, &offer, &request).await?;
        let placed = match prepare(
            call,
            input,
            Id::from_uuid(hold.id.uuid()),
            offer.clone(),
            (hold.lines, hold.wishes),
        )
        .await
        {
            Ok(prepared) => place_order(call, &prepared).await.map_err(|error| {
                let old = is_price_changed(&error);
                (Failure::from(error), old)
            }),
            Err(failure) => Err((failure, false)),
        };
        match placed {
            Ok(found) => {
                if found.id().uuid() != hold.id.uuid() {
                    // Another request with the same key was faster; its order is the answer.
                    let _ = call.app.holds.release(&offer, hold.id, false).await;
                }
                return Ok(found);
            }
            Err((failure, old)) => {
                // Also when it is not known whether the order was committed: Redis only guards the door, and the mirror
                // repeats there what Postgres knows. Places kept for nobody would be refused to others.
                let _ = call.app.holds.release(&offer, hold.id, false).await;
                if !old || last {
                    return Err(failure);
                }
                look_again(call, event);
            }
        }
    }
    Err(Refusal::new(ErrorCode::PriceChanged, "The event keeps changing. Try again.").into())
}

/// Makes the order, or finds the one that an earlier request with the same key has made.
pub(super) async fn create(call: &Call, mut input: NewOrderInput) -> Result<Order, Failure> {
    check(call, &input)?;
    check_return_urls(call, &input).await?;
    let found = match input.hold_id {
        Some(hold) => match order_of_hold(call, &input, hold.0).await {
            Ok(found) => found,
            // It may be this very order that has ended the hold, or has been made although nobody heard of it.
            Err(failure) => match look_up(call).await {
                Ok(Some(found)) => found,
                Err(conflict) if failure.is_refusal() => return Err(conflict),
                _ => return Err(failure),
            },
        },
        None => {
            let direct = async {
                match look_up(call).await? {
                    Some(found) => Ok(found),
                    None => order_directly(call, &mut input).await,
                }
            };
            match &call.idempotency {
                // A hold is there once; places without one would be taken by each of several requests with the same key.
                Some(key) => idempotency::alone(&call.app.gate, key, direct).await?,
                None => direct.await?,
            }
        }
    };
    let offer = call.app.holds.offer(&call.scope, found.event_id()).await?;
    let order = match found {
        Found::Stored(order) => answer(call, *order).await?,
        Found::Answered(order) => *order,
    };
    Ok(with_token(call, &offer, order))
}
