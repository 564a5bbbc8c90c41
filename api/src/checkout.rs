//! What happens between our database and the payment provider: sessions are opened (T2), read back (T3), expired before
//! a claim is released (T4), and refunds are sent. Every step may be repeated after a crash: its key is stored before
//! the provider is called, and what the provider says is applied in one transaction afterwards.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    order::{OrderState, RefundState},
};
use eventflow_payments::{
    CheckoutLine, CheckoutRequest, CheckoutSession, DisputeStatus, PaymentProvider, ProviderError, Refund,
    RefundRequest, RefundStatus,
};
use eventflow_store::{
    Error, Result, Scope, Tx, failpoints, jobs, ledger_entries,
    mutants::{self, Mutant},
    orders::{self, Order, OrderRow, PaymentRow, SessionFacts, Settled},
    provider_events::{self, EventRow},
    refunds::{self, KeyState},
};
use uuid::Uuid;

use crate::{
    app::App,
    tokens::{BuyerToken, Subject},
};

/// In the addresses that an integrator gives: becomes the id of the order.
pub const ORDER_ID_PLACEHOLDER: &str = "{ORDER_ID}";
/// How long the address of our page after the checkout shows the order.
pub const RETURN_TOKEN_LIFE: TimeDelta = TimeDelta::days(7);

/// The provider counts 30 minutes by its own clock: one more for the skew.
pub const SESSION_SECS: i64 = 31 * 60;
/// A key that was stored longer ago than this may be forgotten by the provider: nothing is created with it any more.
const KEY_HOURS: i64 = 23;
/// A session of the provider lasts 24 hours at most, and must have ended before its key has.
const CHECKOUT_SECS_MAX: i64 = 22 * 60 * 60;
/// So long after the first call no answer to it can be on its way any more: what the provider does not list is not there.
const LOST_AFTER_SECS: i64 = 90;
/// Looks for lost objects begin this much before our own time stamp: clocks differ.
const SKEW_SECS: i64 = 300;
/// The first look at an order whose webhook has not come; later ones are rarer.
const FIRST_POLL_SECS: i64 = 20;

/// The provider, or the refusal that says what to configure.
pub fn provider(app: &App) -> Result<&dyn PaymentProvider, Refusal> {
    app.payments.as_deref().ok_or_else(|| {
        Refusal::new(
            ErrorCode::PaymentUnavailable,
            "No payment provider is configured. Set STRIPE_SECRET_KEY, or sell with the manual provider.",
        )
    })
}

/// Refuses when the provider's key is for test payments and the tenant is not, or the other way round.
pub fn check_mode(app: &App, livemode: bool) -> Result<(), Refusal> {
    if provider(app)?.livemode() == livemode {
        return Ok(());
    }
    let of = |live| if live { "live" } else { "test" };
    let detail = format!(
        "The tenant takes {} payments, and the key of this platform's payment provider is for {} payments.",
        of(livemode),
        of(!livemode)
    );
    Err(Refusal::new(ErrorCode::PaymentUnavailable, detail))
}

/// A call of the provider, between two points at which we may die.
async fn foreign<T>(call: impl Future<Output = T>) -> T {
    failpoints::pass("before a call of the provider");
    let answer = call.await;
    failpoints::pass("after a call of the provider");
    answer
}

fn account(payment: &PaymentRow) -> Option<&str> {
    Some(payment.account.as_str()).filter(|account| !account.is_empty())
}

/// Nobody can pay the order yet: T2 is to come.
pub fn waits_for_session(order: &Order) -> bool {
    let waits = |payment: &PaymentRow| payment.provider == "stripe" && payment.state == "creating";
    order.row.state == OrderState::Pending.as_str() && order.payment.as_ref().is_some_and(waits)
}

/// When the provider is asked about an order of this moment, if its webhook has not come.
pub fn first_poll() -> DateTime<Utc> {
    Utc::now() + TimeDelta::seconds(FIRST_POLL_SECS)
}

/// T2: the hosted page of an order that [`waits_for_session`]. Repeating it after a crash gives the same session, because the
/// key is the same; [`open`] records it.
pub async fn session(app: &App, scope: &Scope, order: &Order) -> Result<CheckoutSession> {
    let Some(payment) = &order.payment else {
        return Err(Error::Corrupt(format!("order {} has no payment", order.row.id)));
    };
    let provider = provider(app)?;
    let request = checkout_request(app, scope, order, payment);
    let made = match foreign(provider.create_checkout(&request)).await {
        // A key repeats an error for a day, although there may be a session.
        Err(error) if error.outcome_is_unknown() => match lost_session(provider, order, payment).await {
            Ok(Some(session)) => Ok(session),
            _ => Err(error),
        },
        made => made,
    };
    match made {
        Ok(session) => Ok(session),
        Err(error) if error.outcome_is_unknown() => Err(unreachable(&error)),
        Err(error) => {
            // The provider understood and made nothing: nobody can pay, so the places come free at once.
            app.db
                .run(scope, async |tx| {
                    let mut row = orders::lock(tx, order.row.id.into()).await?;
                    // Another request may have had an answer to the same key: then somebody can pay.
                    let current = orders::payment(tx, payment.id).await?;
                    let is_open = current.is_some_and(|payment| payment.state != "creating");
                    if is_open || row.state()? != OrderState::Pending {
                        return Ok(());
                    }
                    orders::fail_payment(tx, payment.id).await?;
                    orders::close(tx, &mut row, OrderState::Cancelled, "the provider refused the session")
                        .await
                })
                .await?;
            tracing::warn!(error = %error, order.id = %Id::<id::Order>::from(order.row.id), "session refused");
            let detail = format!("The payment provider refused the checkout ({}).", refusal_code(&error));
            Err(Error::refused(ErrorCode::PaymentRefused, detail))
        }
    }
}

/// Records the session of an order. Answers the order as it is by now: somebody may have opened or closed it meanwhile.
pub async fn open(tx: &mut Tx, mut order: Order, session: &CheckoutSession) -> Result<Order> {
    if let Some(payment) = &mut order.payment {
        payment.state = "open".to_owned();
        payment.session_id = Some(session.id.clone());
        payment.session_url.clone_from(&session.url);
        payment.payment_intent.clone_from(&session.payment_intent);
        if orders::open_payment(tx, payment).await? == Some(OrderState::Pending) {
            return Ok(order);
        }
    }
    orders::get(tx, order.row.id.into()).await
}

async fn open_session(app: &App, scope: &Scope, order: &Order) -> Result<Order> {
    if !waits_for_session(order) {
        return Ok(order.clone());
    }
    let session = session(app, scope, order).await?;
    app.db.run(scope, async |tx| open(tx, order.clone(), &session).await).await
}

/// The session of an order whose id did not reach us.
async fn lost_session(
    provider: &dyn PaymentProvider,
    order: &Order,
    payment: &PaymentRow,
) -> Result<Option<CheckoutSession>, ProviderError> {
    let order_id = Id::<id::Order>::from(order.row.id).to_string();
    let since = payment.created_at - TimeDelta::seconds(SKEW_SECS);
    provider.find_checkout_of_order(account(payment), &order_id, since).await
}

fn refusal_code(error: &ProviderError) -> &str {
    match error {
        ProviderError::Refused { code, .. } => code,
        _ => "not_found",
    }
}

fn unreachable(error: &ProviderError) -> Error {
    tracing::warn!(error = %error, "the payment provider is not reachable");
    Error::Refused(
        Refusal::new(
            ErrorCode::PaymentUnavailable,
            "The payment provider did not answer. The places stay yours; repeat the request with the same key.",
        )
        .retry_after(5),
    )
}

/// Our page after a checkout. A repeated call has to name the same address, so that the token depends on nothing but the
/// order.
fn return_page(app: &App, scope: &Scope, row: &OrderRow, outcome: &str) -> String {
    order_page(app, scope, row, row.created_at + RETURN_TOKEN_LIFE, outcome)
}

/// Our page of an order, for whoever has this address until then, wherever that is: the buyer's token stands in the
/// fragment, which browsers send to nobody.
pub fn order_page(app: &App, scope: &Scope, row: &OrderRow, until: DateTime<Utc>, outcome: &str) -> String {
    let (event, order) = (Id::<id::Event>::from(row.event_id), Id::<id::Order>::from(row.id));
    let token = BuyerToken { tenant: scope.tenant, event, subject: Subject::Order(order) };
    let token = app.tokens.sign(token, row.created_at, until);
    format!("{}/e/{event}?order={order}{outcome}#token={token}", app.config.base_url())
}

fn checkout_request(app: &App, scope: &Scope, order: &Order, payment: &PaymentRow) -> CheckoutRequest {
    let row = &order.row;
    let order_id = Id::<id::Order>::from(row.id).to_string();
    let or_ours = |url: &str, outcome: &str| {
        if url.is_empty() { return_page(app, scope, row, outcome) } else { with_order(url, &order_id) }
    };
    let mut lines: Vec<CheckoutLine> = Vec::new();
    for item in &order.items {
        let name = format!("{} – {}", item.tier_name, item.label);
        lines.push(CheckoutLine { name, unit_amount_minor: item.gross_minor, quantity: 1 });
    }
    CheckoutRequest {
        order_id: order_id.clone(),
        tenant_id: scope.tenant.to_string(),
        epoch: i64::from(row.epoch),
        account: account(payment).map(str::to_owned),
        application_fee_minor: Some(payment.application_fee_minor)
            .filter(|&fee| fee > 0 && account(payment).is_some()),
        currency: row.currency.clone(),
        lines: lines.into_iter().filter(|line| line.unit_amount_minor > 0).collect(),
        total_minor: row.total_minor,
        customer_email: Some(row.buyer_email.clone()).filter(|email| !email.is_empty()),
        success_url: or_ours(&row.success_url, ""),
        cancel_url: or_ours(&row.cancel_url, "&cancelled"),
        // Stored with the attempt: a repeated call must be the same to the second.
        expires_at: payment.provider_expires_at.unwrap_or(row.claim_expires_at),
        delayed_methods: payment.method == "delayed",
        idempotency_key: payment.idempotency_key.clone(),
    }
}

/// The id of the order where the integrator's address wants it.
fn with_order(url: &str, order_id: &str) -> String {
    url.replace(ORDER_ID_PLACEHOLDER, order_id)
}

/// T3: reads the session and brings the order in line with it. `None` while there is no session.
pub async fn refresh(app: &App, scope: &Scope, order: Id<id::Order>) -> Result<Option<Settled>> {
    let payment = app.db.run(scope, async |tx| orders::current_payment(tx, order).await).await?;
    let Some(payment) = payment else { return Ok(None) };
    let Some(session_id) = payment.session_id.clone() else { return Ok(None) };
    let session = match foreign(provider(app)?.get_checkout(account(&payment), &session_id)).await {
        Ok(session) => session,
        Err(error) => return Err(unreachable(&error)),
    };
    apply(app, scope, &payment, &session, false, None).await.map(Some)
}

/// Applies a session that was just read, and closes the event that said to read it.
pub async fn apply(
    app: &App,
    scope: &Scope,
    payment: &PaymentRow,
    session: &CheckoutSession,
    delayed_failed: bool,
    event: Option<Uuid>,
) -> Result<Settled> {
    let facts = SessionFacts {
        account: session.account.clone().unwrap_or_default(),
        session_id: session.id.clone(),
        paid: session.is_paid(),
        processing: session.is_processing(),
        closed_unpaid: session.is_closed_unpaid(),
        amount_minor: session.amount_total_minor,
        currency: session.currency.clone(),
        livemode: session.livemode,
        payment_intent: session.payment_intent.clone(),
        delayed_failed,
    };
    let settled = app
        .db
        .run(scope, async |tx| {
            let mut order = orders::lock(tx, payment.order_id.into()).await?;
            // Read again under the order's lock: another worker may have settled it meanwhile.
            let settled = match orders::payment(tx, payment.id).await? {
                Some(payment) => orders::process_session(tx, &mut order, &payment, &facts).await?,
                None => Settled::Nothing,
            };
            if let Some(event) = event {
                provider_events::close(tx, event, "done", "session applied").await?;
            }
            Ok(settled)
        })
        .await?;
    app.wake_mirror();
    if let (Settled::Paid | Settled::RefundDue, Some(intent)) = (settled, &facts.payment_intent) {
        // Events about this payment may have come before we knew its intent.
        match provider_events::adopt(&app.db, &payment.account, intent).await {
            Ok(0) => {}
            Ok(_) => app.wake_jobs(),
            // The order is settled; who fills the gaps adopts them.
            Err(error) => tracing::warn!(error = %error, "events that came early are not adopted yet"),
        }
    }
    match settled {
        Settled::RefundDue => send_refunds_of(app, scope, payment.order_id.into()).await?,
        Settled::NeedsReview => {
            tracing::error!(order.id = %Id::<id::Order>::from(payment.order_id), "an order needs a person to look at it");
        }
        _ => {}
    }
    Ok(settled)
}

/// T4: closes an order that was not paid, after the provider has confirmed that nobody can pay it any more. Answers
/// false when the truth cannot be had now; the claim stays, and the caller tries again.
pub async fn lapse(app: &App, scope: &Scope, order: Id<id::Order>, end: OrderState) -> Result<bool> {
    let order = app.db.run(scope, async |tx| orders::get(tx, order).await).await?;
    if order.row.state()? != OrderState::Pending {
        return Ok(true);
    }
    if mutants::is(Mutant::OwnTimer) {
        close(app, scope, &order.row, end).await?;
        return Ok(true);
    }
    let Some(payment) = order.payment.clone().filter(|payment| payment.provider == "stripe") else {
        close(app, scope, &order.row, end).await?;
        return Ok(true);
    };
    let payment = match (&payment.session_id, payment.created_at + TimeDelta::hours(KEY_HOURS) > Utc::now()) {
        (Some(_), _) => payment,
        // A crash left us without the session's id: the same key gives the same session, which can then be expired.
        (None, true) => match open_session(app, scope, &order).await {
            Ok(Order { payment: Some(payment), .. }) if payment.session_id.is_some() => payment,
            Ok(_) => return Ok(true),
            Err(error) => return lapse_without_session(app, scope, &order, &payment, end, error).await,
        },
        // The provider's own deadline (24 hours at most) has passed long ago, and the key with it.
        (None, false) => {
            close(app, scope, &order.row, end).await?;
            return Ok(true);
        }
    };
    let session_id = payment.session_id.clone().unwrap_or_default();
    let provider = provider(app)?;
    // To expire twice is to expire once; but a key repeats an error for a day, so every minute has its own.
    let key = format!("exp:{session_id}:{}", Utc::now().timestamp() / 60);
    if let Err(error) = foreign(provider.expire_checkout(account(&payment), &session_id, &key)).await {
        // Refused: it is not open any more. In any case only the session itself says what it is.
        tracing::debug!(error = %error, "a session could not be expired");
    }
    let session = match foreign(provider.get_checkout(account(&payment), &session_id)).await {
        Ok(session) => session,
        Err(error) => {
            tracing::warn!(error = %error, "a session could not be read back; the claim stays");
            return Ok(false);
        }
    };
    if session.is_closed_unpaid() && end == OrderState::Cancelled {
        app.db
            .run(scope, async |tx| {
                let mut row = orders::lock(tx, order.row.id.into()).await?;
                if row.state()? == OrderState::Pending {
                    orders::expire_payment(tx, payment.id).await?;
                    orders::close(tx, &mut row, end, "cancelled").await?;
                }
                Ok(())
            })
            .await?;
        app.wake_mirror();
        return Ok(true);
    }
    Ok(apply(app, scope, &payment, &session, false, None).await? != Settled::Nothing)
}

/// The session could not be had from the provider. Answers true when that is because there is none.
async fn lapse_without_session(
    app: &App,
    scope: &Scope,
    order: &Order,
    payment: &PaymentRow,
    end: OrderState,
    error: Error,
) -> Result<bool> {
    let row = async |tx: &mut Tx| Ok((orders::row(tx, order.row.id.into()).await?, tx.now().await?));
    let (row, now) = app.db.run(scope, row).await?;
    if row.state()? != OrderState::Pending {
        return Ok(true);
    }
    if payment.created_at + TimeDelta::seconds(LOST_AFTER_SECS) > now {
        return Err(error);
    }
    match lost_session(provider(app)?, order, payment).await {
        Ok(None) => {
            close(app, scope, &row, end).await?;
            Ok(true)
        }
        _ => Err(error),
    }
}

async fn close(app: &App, scope: &Scope, row: &OrderRow, end: OrderState) -> Result<()> {
    app.db
        .run(scope, async |tx| {
            let mut row = orders::lock(tx, row.id.into()).await?;
            if row.state()? == OrderState::Pending {
                orders::close(tx, &mut row, end, "nothing was paid").await?;
            }
            Ok(())
        })
        .await?;
    app.wake_mirror();
    Ok(())
}

/// Sends what is pending of an order's refunds; failures are left to the jobs.
async fn send_refunds_of(app: &App, scope: &Scope, order: Id<id::Order>) -> Result<()> {
    let rows = app.db.run(scope, async |tx| refunds::list(tx, order).await).await?;
    for refund in rows.into_iter().filter(|refund| refund.state == "pending") {
        send_refund(app, scope, refund.id).await?;
    }
    Ok(())
}

/// Sends a refund, or finds out what became of it. True when it has reached an end.
pub async fn send_refund(app: &App, scope: &Scope, id: uuid::Uuid) -> Result<bool> {
    let (refund, payment, key) = app
        .db
        .run(scope, async |tx| {
            let refund = refunds::get(tx, id).await?;
            let payment = orders::payment(tx, refund.payment_id).await?;
            let key = refunds::use_key(tx, &refund, TimeDelta::seconds(LOST_AFTER_SECS)).await?;
            Ok((refund, payment, key))
        })
        .await?;
    let state: RefundState = refund.state.parse().unwrap_or(RefundState::Unknown);
    if matches!(state, RefundState::Succeeded | RefundState::Failed) {
        return Ok(true);
    }
    let Some(payment) = payment else { return Ok(true) };
    let provider = provider(app)?;
    let account = account(&payment);
    let payment_intent = match payment.payment_intent.clone() {
        Some(intent) => intent,
        None => return Err(Error::Corrupt(format!("payment {} has no payment intent", payment.id))),
    };
    let mut key_failed = false;
    let answer = if let Some(known) = &refund.provider_refund_id {
        foreign(provider.get_refund(account, known)).await
    } else {
        let unkeyed = mutants::is(Mutant::UnkeyedRefunds);
        let mut request = RefundRequest {
            account: account.map(str::to_owned),
            payment_intent,
            amount_minor: refund.amount_minor,
            refund_application_fee: payment.application_fee_minor > 0 && account.is_some(),
            reason: None,
            order_id: Id::<id::Order>::from(refund.order_id).to_string(),
            refund_id: Id::<id::Refund>::from(refund.id).to_string(),
            idempotency_key: if unkeyed {
                uuid::Uuid::now_v7().into()
            } else {
                refund.idempotency_key.clone()
            },
        };
        let key_is_good = refund.created_at + TimeDelta::hours(KEY_HOURS) > Utc::now();
        let may_be_made = (state == RefundState::Unknown && !unkeyed) || !key_is_good;
        match lost_refund(provider, &request, may_be_made).await {
            Ok(None) if !key_is_good => Err(ProviderError::NotFound),
            Ok(None) if key == KeyState::Failed => {
                Err(ProviderError::Failed("it failed before, and may still be at it".into()))
            }
            Ok(None) => {
                if key == KeyState::Spent {
                    // Stored before the provider hears of it, as the first one.
                    let renewed = app.db.run(scope, async |tx| refunds::renew_key(tx, &refund).await).await?;
                    let Some(key) = renewed else { return Ok(false) };
                    request.idempotency_key = key;
                }
                let made = foreign(provider.refund(&request)).await;
                key_failed = matches!(made, Err(ProviderError::Failed(_))) && key == KeyState::Good;
                made
            }
            Ok(Some(made)) => Ok(made),
            Err(error) => Err(error),
        }
    };
    let (next, provider_id, failure) = match &answer {
        Ok(made) => (
            refund_state(made.status),
            Some(made.id.as_str()),
            made.failure_reason.clone().unwrap_or_default(),
        ),
        Err(error) if error.outcome_is_unknown() => (RefundState::Unknown, None, error.to_string()),
        Err(error) => (RefundState::Failed, None, error.to_string()),
    };
    let note = async |tx: &mut Tx| {
        if key_failed {
            refunds::key_failed(tx, &refund).await?;
        }
        refunds::finish(tx, id, next, provider_id, &failure).await
    };
    app.db.run(scope, note).await?;
    app.wake_mirror();
    Ok(matches!(next, RefundState::Succeeded | RefundState::Failed))
}

/// The refund that an earlier call has made, although its answer did not arrive. A key repeats an error for a day, and is
/// forgotten after that: when something may have been made already, the provider's list is asked first.
async fn lost_refund(
    provider: &dyn PaymentProvider,
    request: &RefundRequest,
    may_be_made: bool,
) -> Result<Option<Refund>, ProviderError> {
    if !may_be_made {
        return Ok(None);
    }
    let made = foreign(provider.list_refunds(request.account.as_deref(), &request.payment_intent)).await?;
    Ok(made.into_iter().find(|made| made.refund_id.as_ref() == Some(&request.refund_id)))
}

fn refund_state(status: RefundStatus) -> RefundState {
    match status {
        RefundStatus::Succeeded => RefundState::Succeeded,
        RefundStatus::Pending | RefundStatus::RequiresAction => RefundState::Pending,
        RefundStatus::Failed | RefundStatus::Canceled => RefundState::Failed,
    }
}

/// Works on one event of the inbox: reads the object it names, acts on what it is now, and closes the event.
pub async fn process_event(app: &App, scope: &Scope, id: Uuid) -> Result<()> {
    let provider = provider(app)?;
    let look = async |tx: &mut Tx| {
        let event = provider_events::get(tx, id).await?;
        if event.state != "received" {
            return jobs::remove(tx, "provider_event", id).await.map(|()| None);
        }
        let payment = payment_of(tx, &event).await?;
        match nothing_to_do(&event, payment.as_ref()) {
            Some(why) => provider_events::close(tx, id, "done", why).await.map(|()| None),
            None => Ok(payment.map(|payment| (event, payment))),
        }
    };
    let Some((event, payment)) = app.db.run(scope, look).await? else { return Ok(()) };
    let account = Some(event.account.as_str()).filter(|account| !account.is_empty());
    let note = if is_of_dispute(&event) {
        let dispute = provider.get_dispute(account, &event.object_id).await.map_err(|e| unreachable(&e))?;
        process_dispute(app, scope, &payment, &dispute).await?
    } else if is_of_refund(&event) {
        let made =
            provider.list_refunds(account, payment.payment_intent.as_deref().unwrap_or_default()).await;
        process_refunds(app, scope, &payment, made.map_err(|error| unreachable(&error))?).await?
    } else {
        let session_id = payment.session_id.as_deref().unwrap_or_default();
        let session =
            foreign(provider.get_checkout(account, session_id)).await.map_err(|error| unreachable(&error))?;
        // The session of a delayed method that failed stays complete and unpaid: only the event says that it is over.
        let delayed_failed = event.kind == "checkout.session.async_payment_failed" && session.is_processing();
        apply(app, scope, &payment, &session, delayed_failed, Some(id)).await?;
        return Ok(());
    };
    app.db.run(scope, async |tx| provider_events::close(tx, id, "done", note).await).await
}

async fn payment_of(tx: &mut Tx, event: &EventRow) -> Result<Option<PaymentRow>> {
    let intent = event.payload["payment_intent"].as_str();
    let session = Some(&*event.object_id).filter(|_| event.kind.starts_with("checkout.session."));
    provider_events::payment_of(tx, &event.account, session, intent).await
}

fn nothing_to_do(event: &EventRow, payment: Option<&PaymentRow>) -> Option<&'static str> {
    let Some(payment) = payment else { return Some("no payment of ours") };
    if is_of_dispute(event) || is_of_refund(event) {
        return None;
    }
    // A payment has several events. Whatever the others say of its session, nothing follows from it any more.
    if payment.state == "paid" {
        return Some("settled before");
    }
    payment.session_id.is_none().then_some("no session yet")
}

fn is_of_dispute(event: &EventRow) -> bool {
    event.kind.starts_with("charge.dispute.")
}

fn is_of_refund(event: &EventRow) -> bool {
    event.kind.contains("refund")
}

async fn process_refunds(
    app: &App,
    scope: &Scope,
    payment: &PaymentRow,
    made: Vec<Refund>,
) -> Result<&'static str> {
    for refund in made {
        app.db
            .run(scope, async |tx| {
                let known = match refunds::by_provider_id(tx, &refund.id).await? {
                    Some(row) => Some(row.id),
                    // The answer to our call was lost: the metadata names a row of ours, which must fit.
                    None => refund
                        .refund_id
                        .as_deref()
                        .and_then(|text| text.parse::<Id<id::Refund>>().ok())
                        .map(Id::uuid),
                };
                let Some(id) = known else { return Ok(()) };
                let row = match refunds::get(tx, id).await {
                    Ok(row) => row,
                    Err(Error::Refused(_)) => return Ok(()),
                    Err(error) => return Err(error),
                };
                if row.payment_id == payment.id && row.amount_minor == refund.amount_minor {
                    let failure = refund.failure_reason.as_deref().unwrap_or_default();
                    refunds::finish(tx, id, refund_state(refund.status), Some(&refund.id), failure).await?;
                }
                Ok(())
            })
            .await?;
    }
    app.wake_mirror();
    Ok("refunds applied")
}

async fn process_dispute(
    app: &App,
    scope: &Scope,
    payment: &PaymentRow,
    dispute: &eventflow_payments::Dispute,
) -> Result<&'static str> {
    use eventflow_core::ledger;
    let won = match dispute.status {
        // The bank asks, and has withdrawn nothing; when it does, the dispute has another status.
        DisputeStatus::Inquiry => return Ok("an inquiry, no money has moved"),
        DisputeStatus::Open | DisputeStatus::Other => None,
        DisputeStatus::Won => Some(true),
        DisputeStatus::Lost => Some(false),
    };
    app.db
        .run(scope, async |tx| {
            let mut order = orders::lock(tx, payment.order_id.into()).await?;
            let broken = |error| Error::Corrupt(format!("ledger of a dispute: {error}"));
            // One payment may be disputed again after a dispute that was won.
            let posted = ledger_entries::postings_about(tx, order.id, &dispute.id).await?;
            let is_decided = posted.contains("dispute_won") || posted.contains("dispute_lost");
            if is_decided || order.state()? == OrderState::ChargedBack {
                // What still comes is late.
                return Ok(());
            }
            // The end of a dispute may be heard of before its beginning.
            orders::mark_dispute(tx, &mut order, &dispute.id, None).await?;
            if !posted.contains("dispute_opened") {
                let lines =
                    ledger::dispute_opened(order.clearing(), dispute.amount_minor, 0).map_err(broken)?;
                ledger_entries::post_about(tx, &order, None, "dispute_opened", &dispute.id, &lines).await?;
            }
            if let Some(won) = won {
                orders::mark_dispute(tx, &mut order, &dispute.id, Some(won)).await?;
                if won && !posted.contains("dispute_won") {
                    let lines =
                        ledger::dispute_won(order.clearing(), dispute.amount_minor, 0).map_err(broken)?;
                    ledger_entries::post_about(tx, &order, None, "dispute_won", &dispute.id, &lines).await?;
                } else if !won && !posted.contains("dispute_lost") {
                    let earlier = ledger_entries::refunded_parts(tx, order.id).await?;
                    let (lines, _) = ledger::dispute_lost(order.totals(), earlier, dispute.amount_minor)
                        .map_err(broken)?;
                    ledger_entries::post_about(tx, &order, None, "dispute_lost", &dispute.id, &lines).await?;
                }
            }
            Ok(())
        })
        .await?;
    Ok("dispute applied")
}

/// When the next look at an open session is due: more rarely the longer it lasts.
pub fn next_poll(attempts: i32) -> TimeDelta {
    TimeDelta::seconds((FIRST_POLL_SECS * i64::from(attempts.clamp(1, 15))).min(300))
}

/// The deadlines of a new checkout: ours, and the one that the provider is told.
pub fn deadlines(checkout_secs: i32) -> (DateTime<Utc>, DateTime<Utc>) {
    // As exact as Postgres keeps it.
    let now = Utc::now().trunc_subsecs(6);
    let ours = now + TimeDelta::seconds(i64::from(checkout_secs).min(CHECKOUT_SECS_MAX));
    // Whole seconds: the provider knows no finer ones, and a repeated call must be the same.
    let at_least = (now + TimeDelta::seconds(SESSION_SECS)).max(ours + TimeDelta::seconds(60));
    let theirs = DateTime::from_timestamp(at_least.timestamp(), 0).unwrap_or(at_least);
    (ours, theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_provider_ends_after_ours_and_before_its_key() {
        for secs in [5, 900, 79_200, 86_400] {
            let before = Utc::now();
            let (ours, theirs) = deadlines(secs);
            assert!(theirs > ours, "{secs}");
            assert!(theirs - before >= TimeDelta::minutes(30), "{secs}: shorter than the provider takes");
            assert!(theirs - before < TimeDelta::hours(KEY_HOURS), "{secs}: {theirs}");
        }
    }
}
