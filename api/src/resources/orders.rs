//! Orders: a hold becomes an order and a checkout; a box office sells at once.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use eventflow_core::{
    ErrorCode, Id, Refusal, access::Permission, id, ledger::Clearing, order::OrderState,
    pricing::Totals as CoreTotals,
};
use eventflow_store::{
    Error, Result as StoreResult,
    holds::{Line, Place},
    idempotency::{self, Known},
    offers::Offer,
    orders::{self, NewOrder, Order as Stored},
};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::{Example, ParseFromJSON, ToJSON},
};

use super::{
    Tag,
    places::{BestAvailable, ItemInput, Totals, totals, wanted},
};
use crate::{
    auth::{Call, Principal},
    checkout,
    problem::Failure,
    shapes::{self, OrderStateName, Ticket},
    tokens::{BuyerToken, Subject},
    wire::{Created, Cursor, Page, Ref, Text, Window},
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

/// Who bought.
#[derive(Debug, Object)]
struct Buyer {
    email: String,
    name: String,
}

/// A new order: of a hold, or with a secret key of places directly (held, claimed and settled in one request).
#[derive(Debug, Object)]
#[oai(example)]
struct NewOrderInput {
    hold_id: Option<Ref<id::Hold>>,
    /// The hold's token; not needed when it is the credential of the request, or with a secret key and `event_id`.
    hold_token: Option<Text<1, 4096>>,
    /// The event of `items`, `best_available` or (with a secret key) of the hold.
    event_id: Option<Ref<id::Event>>,
    #[oai(default, validator(max_items = 100))]
    items: Vec<ItemInput>,
    best_available: Option<BestAvailable>,
    buyer: BuyerInput,
    /// Default: `stripe`, or `free` when there is nothing to pay. `manual` needs `orders:manual`.
    provider: Option<Provider>,
    manual_method: Option<ManualMethod>,
    /// Where the buyer goes after paying. Default: a plain page of ours.
    #[oai(default)]
    success_url: Text<0, 2000>,
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
            buyer: BuyerInput { email: Text("ada@example.org".into()), name: Text("Ada Lovelace".into()) },
            provider: None,
            manual_method: None,
            success_url: Text("https://shop.example/thanks".into()),
            cancel_url: Text("https://shop.example/basket".into()),
            expected_total_minor: None,
        }
    }
}

/// One place of an order; it becomes one ticket.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct OrderItem {
    id: Ref<id::OrderItem>,
    seat: Option<u32>,
    label: String,
    price_tier_id: Ref<id::PriceTier>,
    tier_name: String,
    price_minor: i64,
    fee_minor: i64,
    tax_minor: i64,
    total_minor: i64,
}

/// The attempt to pay.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Payment {
    id: Ref<id::Payment>,
    provider: String,
    /// cash, card_terminal or invoice.
    method: Option<String>,
    /// creating, open, processing, paid, expired or failed.
    state: String,
    amount_minor: i64,
    /// Send the buyer there.
    checkout_url: Option<String>,
}

/// An order.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Order {
    id: Ref<id::Order>,
    event_id: Ref<id::Event>,
    /// pending, processing, paid, expired, cancelled, refund_due, refunded, partially_refunded, disputed, charged_back or
    /// needs_review.
    #[oai(validator(max_length = 30))]
    state: String,
    buyer: Buyer,
    /// ISO 4217.
    #[oai(validator(max_length = 3))]
    currency: String,
    totals: Totals,
    refunded_minor: i64,
    items: Vec<OrderItem>,
    payment: Option<Payment>,
    /// The same as `payment.checkout_url`.
    checkout_url: Option<String>,
    /// When an unpaid order gives its places back.
    pay_until: DateTime<Utc>,
    created_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    /// The tickets of a paid order.
    tickets: Vec<Ticket>,
    /// The buyer's token for this order and its tickets; in the answer to its creation.
    buyer_token: Option<String>,
}

/// An order in a list.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct OrderSummary {
    id: Ref<id::Order>,
    event_id: Ref<id::Event>,
    state: String,
    buyer: Buyer,
    currency: String,
    total_minor: i64,
    refunded_minor: i64,
    provider: String,
    created_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
}

fn summary(row: orders::OrderRow) -> OrderSummary {
    OrderSummary {
        id: row.id.into(),
        event_id: row.event_id.into(),
        state: row.state,
        buyer: Buyer { email: row.buyer_email, name: row.buyer_name },
        currency: row.currency,
        total_minor: row.total_minor,
        refunded_minor: row.refunded_minor,
        provider: row.provider,
        created_at: row.created_at,
        paid_at: row.paid_at,
    }
}

fn item(row: &orders::ItemRow) -> OrderItem {
    OrderItem {
        id: row.id.into(),
        seat: row.seat_index.map(i32::unsigned_abs),
        label: row.label.clone(),
        price_tier_id: row.price_tier_id.into(),
        tier_name: row.tier_name.clone(),
        price_minor: row.price_minor,
        fee_minor: row.fee_minor,
        tax_minor: row.tax_minor,
        total_minor: row.gross_minor,
    }
}

fn shape(order: Stored, tickets: Vec<Ticket>) -> Order {
    let sums = order.row.totals();
    let payable = order.row.state == "pending";
    let payment = order.payment.map(|payment| Payment {
        id: payment.id.into(),
        provider: payment.provider,
        method: Some(payment.method).filter(|method| !method.is_empty()),
        state: payment.state,
        amount_minor: payment.amount_minor,
        checkout_url: payment.session_url.filter(|_| payable),
    });
    Order {
        id: order.row.id.into(),
        event_id: order.row.event_id.into(),
        state: order.row.state,
        buyer: Buyer { email: order.row.buyer_email, name: order.row.buyer_name },
        currency: order.row.currency,
        totals: totals(sums),
        refunded_minor: order.row.refunded_minor,
        items: order.items.iter().map(item).collect(),
        checkout_url: payment.as_ref().and_then(|payment| payment.checkout_url.clone()),
        payment,
        pay_until: order.row.claim_expires_at,
        created_at: order.row.created_at,
        paid_at: order.row.paid_at,
        tickets,
        buyer_token: None,
    }
}

/// The order with its tickets, signed.
async fn load(call: &Call, tx: &mut eventflow_store::Tx, id: Id<id::Order>) -> StoreResult<Order> {
    let mut order = orders::get(tx, id).await?;
    let mut signed = Vec::new();
    for row in std::mem::take(&mut order.tickets) {
        let token = if row.is_void() { String::new() } else { call.app.signer.sign_within(tx, &row).await? };
        signed.push(shapes::shape(row, token));
    }
    Ok(shape(order, signed))
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
    super::check_email("buyer.email", email)?;
    for (param, url) in [("success_url", &input.success_url), ("cancel_url", &input.cancel_url)] {
        if !(url.is_empty() || is_web_address(url)) {
            return Err(Refusal::invalid(
                param,
                "Expected a URL that begins with `https://` and names a host.",
            ));
        }
    }
    let direct = !input.items.is_empty() || input.best_available.is_some();
    match (input.hold_id.is_some(), direct) {
        (true, true) => Err(Refusal::invalid("hold_id", "Name a hold, or places; not both.")),
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

/// `http` or `https`, a host, no user and no password. `{CHECKOUT_SESSION_ID}` may stand in it.
fn is_web_address(url: &str) -> bool {
    let plain = url.replace(eventflow_payments::SESSION_ID_PLACEHOLDER, "session");
    plain.parse::<poem::http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri
                .authority()
                .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
    })
}

/// The event of the hold, from whatever proves the right to it.
fn event_of(call: &Call, input: &NewOrderInput) -> Result<Id<id::Event>, Refusal> {
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
            Err(Refusal::invalid("event_id", "Name the event of the hold or places."))
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

async fn prepare(
    call: &Call,
    input: &NewOrderInput,
    id: Id<id::Order>,
    offer: Arc<Offer>,
    lines: Vec<Line>,
) -> Result<Prepared, Failure> {
    let sums = CoreTotals::sum(lines.iter().map(|line| line.tier.priced))
        .map_err(|error| Refusal::new(ErrorCode::LimitReached, format!("The sum of the prices: {error}.")))?;
    let plan = plan(call, input, sums.total_minor)?;
    let (ours, theirs) = checkout::deadlines(offer.event.checkout_secs);
    let seller = call.app.seller(&call.scope).await?;
    let connected = plan.provider == "stripe" && !seller.stripe_account.is_empty();
    let fee = if connected { sums.total_minor * i64::from(seller.application_fee_bps) / 10_000 } else { 0 };
    let new = NewOrder {
        id,
        buyer_email: input.buyer.email.0.clone(),
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
        provider_expires_at: (plan.provider == "stripe").then_some(theirs),
        settles_now: plan.settles_now,
    };
    Ok(Prepared { offer, lines, sums, new })
}

/// T1 (and T3 when it settles at once), in one transaction with the idempotency key.
async fn place_order(call: &Call, prepared: &Prepared) -> StoreResult<Order> {
    let id = prepared.new.id;
    let order = call
        .app
        .db
        .run(&call.scope, async |tx| {
            if let Some(key) = &call.idempotency {
                // Looked at once before; another request may have been faster.
                match idempotency::begin(tx, key).await? {
                    Known::New => {}
                    Known::Begun(begun) => return load(call, tx, begun.into()).await,
                    Known::Answered(stored) => return stored_order(stored),
                }
            }
            let payment =
                orders::claim(tx, &prepared.offer, &prepared.lines, prepared.sums, &prepared.new).await?;
            if prepared.new.settles_now {
                orders::settle_now(tx, id.uuid(), Clearing::Manual, prepared.sums, payment).await?;
            }
            let order = load(call, tx, id).await?;
            if let Some(key) = &call.idempotency {
                let stored = order.to_json().filter(|_| prepared.new.settles_now);
                idempotency::remember(tx, key, Some(id.uuid()), stored.as_ref()).await?;
            }
            Ok(order)
        })
        .await?;
    call.app.wake_mirror();
    Ok(order)
}

fn stored_order(stored: serde_json::Value) -> StoreResult<Order> {
    Order::parse_from_json(Some(stored))
        .map_err(|error| Error::Corrupt(format!("stored order: {}", error.into_message())))
}

/// T2: opens the hosted page, and keeps the finished answer for repetitions.
async fn open_checkout(call: &Call, id: Id<id::Order>) -> Result<Order, Failure> {
    let stored = call.read(async |tx| orders::get(tx, id).await).await?;
    checkout::open_session(&call.app, &call.scope, &stored).await?;
    let order = call
        .read(async |tx| {
            let order = load(call, tx, id).await?;
            if let Some(key) = &call.idempotency {
                idempotency::remember(tx, key, Some(id.uuid()), order.to_json().as_ref()).await?;
            }
            Ok(order)
        })
        .await?;
    Ok(order)
}

fn with_token(call: &Call, offer: &Offer, mut order: Order) -> Order {
    let token =
        BuyerToken { tenant: call.tenant(), event: order.event_id.0, subject: Subject::Order(order.id.0) };
    order.buyer_token =
        Some(call.app.tokens.sign(token, order.created_at, offer.event.ends_at + TOKEN_AFTER_EVENT));
    order
}

/// What an earlier request with the same key has done.
async fn known(call: &Call) -> Result<Known, Failure> {
    match &call.idempotency {
        None => Ok(Known::New),
        Some(key) => call.read(async |tx| idempotency::begin(tx, key).await).await,
    }
}

async fn order_of_hold(
    call: &Call,
    input: &NewOrderInput,
    hold: Id<id::Hold>,
) -> Result<(Arc<Offer>, Order), Failure> {
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
            Ok(order) => return Ok((offer, order)),
            Err((_, true)) => call.app.holds.offers.drop(call.tenant(), event),
            Err((failure, false)) => {
                // Only what is known not to have become an order is given back: a lost COMMIT may have worked.
                let exists = call.read(async |tx| orders::row(tx, id).await).await.is_ok();
                if !exists && failure.is_refusal() {
                    call.app.holds.unpin(&offer, hold, id).await?;
                }
                return Err(failure);
            }
        }
    }
}

fn is_price_changed(error: &Error) -> bool {
    matches!(error, Error::Refused(refusal) if refusal.code == ErrorCode::PriceChanged)
}

fn price_changed(total_minor: i64) -> Failure {
    let detail = format!("The places cost {total_minor} now. Show the buyer the new sum, then repeat.");
    Refusal::new(ErrorCode::PriceChanged, detail).into()
}

async fn order_directly(call: &Call, input: &mut NewOrderInput) -> Result<(Arc<Offer>, Order), Failure> {
    let event = event_of(call, input)?;
    let (items, best) = wanted(std::mem::take(&mut input.items), input.best_available.take())?;
    let request = Place { items, best, ..Place::default() };
    // An offer that turns out to be old is read again, once.
    for last in [false, true] {
        let offer = call.app.holds.offer(&call.scope, event).await?;
        let hold = call.app.holds.place(&call.scope, &offer, &request).await?;
        let placed =
            match prepare(call, input, Id::from_uuid(hold.id.uuid()), offer.clone(), hold.lines).await {
                Ok(prepared) => place_order(call, &prepared).await.map_err(|error| {
                    let old = is_price_changed(&error);
                    (Failure::from(error), old)
                }),
                Err(failure) => Err((failure, false)),
            };
        match placed {
            Ok(order) => {
                if order.id.0.uuid() != hold.id.uuid() {
                    // Another request with the same key was faster; its order is the answer.
                    let _ = call.app.holds.release(&offer, hold.id, false).await;
                }
                return Ok((offer, order));
            }
            Err((failure, old)) => {
                // Also when it is not known whether the order was committed: Redis only guards the door, and the mirror
                // repeats there what Postgres knows. Places kept for nobody would be refused to others.
                let _ = call.app.holds.release(&offer, hold.id, false).await;
                if !old || last {
                    return Err(failure);
                }
                call.app.holds.offers.drop(call.tenant(), event);
            }
        }
    }
    Err(Refusal::new(ErrorCode::PriceChanged, "The event keeps changing. Try again.").into())
}

/// Nobody can pay the order any more, and its places are free. The provider's own message that the page was closed may be
/// quicker than our cancellation; then the order has expired, which is what was asked for.
fn is_given_up(state: &str) -> bool {
    matches!(state, "cancelled" | "expired")
}

pub struct Orders;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Orders")]
impl Orders {
    /// Make an order of a hold, or sell places at once.
    ///
    /// A hold becomes an order with a hosted checkout page (`checkout_url`), or is settled at once when it is free or paid
    /// by hand. Repeat a request that failed with the same `Idempotency-Key`: it goes on where it stopped.
    #[oai(path = "/orders", method = "post", operation_id = "orders.create")]
    async fn create(&self, call: Call, body: Json<NewOrderInput>) -> Result<Created<Order>, Failure> {
        let mut input = body.0;
        check(&call, &input)?;
        let order = match known(&call).await? {
            Known::Answered(stored) => {
                let order = stored_order(stored)?;
                let offer = call.app.holds.offer(&call.scope, order.event_id.0).await?;
                return Ok(Created::Created(Json(with_token(&call, &offer, order))));
            }
            Known::Begun(id) => {
                let order = call.read(async |tx| load(&call, tx, id.into()).await).await?;
                (call.app.holds.offer(&call.scope, order.event_id.0).await?, order)
            }
            Known::New => match input.hold_id {
                Some(hold) => order_of_hold(&call, &input, hold.0).await?,
                None => order_directly(&call, &mut input).await?,
            },
        };
        let (offer, order) = order;
        let waits_for_session = order.payment.as_ref().is_some_and(|payment| payment.provider == "stripe")
            && order.checkout_url.is_none();
        let order = if waits_for_session && order.state == "pending" {
            open_checkout(&call, order.id.0).await?
        } else {
            order
        };
        Ok(Created::Created(Json(with_token(&call, &offer, order))))
    }

    /// List orders.
    #[oai(path = "/orders", method = "get", operation_id = "orders.list")]
    async fn list(
        &self,
        call: Call,
        event_id: Query<Option<Ref<id::Event>>>,
        state: Query<Option<OrderStateName>>,
        email: Query<Option<Text<1, 254>>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<OrderSummary>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let state = state.0.map(|state| state.0);
        let filter = orders::Filter {
            event: event_id.0.map(|event| event.0),
            state,
            email: email.0.map(|email| email.0),
        };
        let rows =
            call.read(async |tx| orders::list(tx, &filter, window.fetch(), window.after).await).await?;
        Ok(Json(window.page(rows, |row| row.id, summary)))
    }

    /// Get an order with its tickets.
    #[oai(path = "/orders/:order_id", method = "get", operation_id = "orders.get")]
    async fn get(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        call.require_order(order_id.0.0)?;
        Ok(Json(call.read(async |tx| load(&call, tx, order_id.0.0).await).await?))
    }

    /// Cancel an order that is not paid.
    ///
    /// The checkout page is closed at the provider first; an order that turns out to be paid is not cancelled.
    #[oai(path = "/orders/:order_id/cancel", method = "post", operation_id = "orders.cancel")]
    async fn cancel(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        call.require_order(order_id.0.0)?;
        let id = order_id.0.0;
        let row = call.read(async |tx| orders::row(tx, id).await).await?;
        if is_given_up(&row.state) {
            return Ok(Json(call.read(async |tx| load(&call, tx, id).await).await?));
        }
        if row.state()? != OrderState::Pending {
            let detail = format!("The order is {}. A paid order is given back with a refund.", row.state);
            return Err(Refusal::new(ErrorCode::OrderState, detail).into());
        }
        if !checkout::lapse(&call.app, &call.scope, id, OrderState::Cancelled).await? {
            return Err(Refusal::new(
                ErrorCode::PaymentUnavailable,
                "The provider cannot confirm that nobody pays. Try again.",
            )
            .retry_after(5)
            .into());
        }
        let order = call.read(async |tx| load(&call, tx, id).await).await?;
        if !is_given_up(&order.state) {
            let detail = format!("The order is {} by now.", order.state);
            return Err(Refusal::new(ErrorCode::OrderState, detail).into());
        }
        Ok(Json(order))
    }

    /// Record that a manual order was paid.
    #[oai(path = "/orders/:order_id/pay", method = "post", operation_id = "orders.pay")]
    async fn pay(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        let id = order_id.0.0;
        let order = call
            .write(async |tx| {
                let row = orders::lock(tx, id).await?;
                if row.provider != "manual" {
                    return Err(Error::refused(
                        ErrorCode::OrderState,
                        "Only manual orders are paid by hand.",
                    ));
                }
                let Some(payment) = orders::current_payment(tx, id).await?.filter(|_| row.state == "pending")
                else {
                    let detail = format!("The order is {}; only a pending one can be paid.", row.state);
                    return Err(Error::refused(ErrorCode::OrderState, detail));
                };
                orders::settle_now(tx, row.id, row.clearing(), row.totals(), payment.id).await?;
                load(&call, tx, id).await
            })
            .await?;
        call.app.wake_mirror();
        Ok(Json(order))
    }

    /// Ask the provider whether an order was paid.
    ///
    /// For the page that a buyer returns to: it need not wait for the webhook.
    #[oai(path = "/orders/:order_id/refresh", method = "post", operation_id = "orders.refresh")]
    async fn refresh(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        call.require_order(order_id.0.0)?;
        let row = call.read(async |tx| orders::row(tx, order_id.0.0).await).await?;
        let open = matches!(row.state()?, OrderState::Pending | OrderState::Processing | OrderState::Expired);
        // One look a second is enough for a page that waits, and bounds what a buyer can make us ask the provider.
        if row.provider == "stripe" && open && call.first_this_second(&order_id.0.0.to_string()).await {
            checkout::refresh(&call.app, &call.scope, order_id.0.0).await?;
        }
        Ok(Json(call.read(async |tx| load(&call, tx, order_id.0.0).await).await?))
    }
}
