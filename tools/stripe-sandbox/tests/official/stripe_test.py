"""Stripe's official Python SDK against the sandbox: it must parse every answer and accept the webhooks.

    python stripe_test.py [base_url]

Without a base URL it starts the program named by STRIPE_SANDBOX_PROGRAM. With one, that sandbox must accept the key
STRIPE_SECRET_KEY (default sk_test_sandbox); its webhook target is changed. Exits non-zero on any failure.
"""

import sys
import time
import traceback

import stripe
from stripe import StripeClient, Webhook

from support.sandbox import KEY, Receiver, Sandbox

SECRET = "whsec_official_python"


def session(**change):
    return {
        "mode": "payment",
        "client_reference_id": "ord_py",
        "line_items": [
            {
                "quantity": 2,
                "price_data": {
                    "currency": "eur",
                    "unit_amount": 2000,
                    "product_data": {"name": "Row A, seat 1–2"},
                },
            }
        ],
        "metadata": {"order_id": "ord_py"},
        "payment_intent_data": {"metadata": {"order_id": "ord_py"}},
        "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/back",
        "expires_at": int(time.time()) + 31 * 60,
        **change,
    }


class Steps:
    def __init__(self, sandbox, receiver):
        self.sandbox, self.receiver = sandbox, receiver
        self.client = self.client_with(KEY)
        self.sessions = self.client.v1.checkout.sessions

    def client_with(self, key):
        return StripeClient(key, base_addresses={"api": self.sandbox.url}, max_network_retries=0)

    def webhook(self, kind, object_id):
        def wanted(signature, body):
            event = Webhook.construct_event(body, signature, SECRET)
            if event.type == kind and event.data.object["id"] == object_id:
                return event, signature, body

        return self.receiver.wait(wanted)

    def pay(self, created):
        return self.sandbox.control(f"sessions/{created.id}/pay", {})

    def creates_reads_and_expires_a_session(self):
        created = self.sessions.create(session())
        assert (created.status, created.amount_total) == ("open", 4000)
        read = self.sessions.retrieve(created.id, {"expand": ["line_items"]})
        assert read.line_items.data[0].description == "Row A, seat 1–2"
        assert self.sessions.expire(created.id).status == "expired"
        expect(stripe.InvalidRequestError, lambda: self.sessions.expire(created.id))
        self.webhook("checkout.session.expired", created.id)

    def repeats_an_idempotent_request_and_refuses_a_changed_one(self):
        params, options = session(), {"idempotency_key": f"py-key:{time.time_ns()}"}
        first = self.sessions.create(params, options)
        second = self.sessions.create(params, options)
        assert first.id == second.id
        assert second.last_response.headers["idempotent-replayed"] == "true"
        changed = {**params, "client_reference_id": "other"}
        expect(stripe.IdempotencyError, lambda: self.sessions.create(changed, options))

    def pays_refunds_and_verifies_the_webhooks(self):
        since = int(time.time()) - 2
        created = self.sessions.create(session())
        self.pay(created)
        paid = self.sessions.retrieve(created.id, {"expand": ["payment_intent.latest_charge"]})
        assert paid.payment_status == "paid" and paid.payment_intent.latest_charge.paid
        _, signature, body = self.webhook("checkout.session.completed", created.id)
        expect(
            stripe.SignatureVerificationError,
            lambda: Webhook.construct_event(body, signature, "whsec_other"),
        )
        intent = paid.payment_intent.id
        refunds = self.client.v1.refunds
        refund = refunds.create({"payment_intent": intent, "amount": 1500})
        assert refund.status == "succeeded"
        over = {"payment_intent": intent, "amount": 2501}
        expect(stripe.InvalidRequestError, lambda: refunds.create(over))
        assert len(refunds.list({"payment_intent": intent}).data) == 1
        assert self.client.v1.charges.retrieve(refund.charge).amount_refunded == 1500
        self.webhook("charge.refunded", refund.charge)
        types = ["checkout.session.completed", "charge.refunded"]
        events = self.client.v1.events.list({"created": {"gt": since}, "types": types, "limit": 1})
        objects = {event.data.object["id"] for event in events.auto_paging_iter()}
        assert {created.id, refund.charge} <= objects

    def keeps_connected_accounts_apart(self):
        account = self.client.v1.accounts.create({"type": "standard", "country": "DE"})
        options = {"stripe_account": account.id}
        params = session(payment_intent_data={"application_fee_amount": 100})
        created = self.sessions.create(params, options)
        assert self.sessions.retrieve(created.id, {}, options).id == created.id
        error = expect(stripe.InvalidRequestError, lambda: self.sessions.retrieve(created.id))
        assert error.http_status == 404
        self.pay(created)
        event, _, _ = self.webhook("checkout.session.completed", created.id)
        assert event.account == account.id

    def disputes_a_payment(self):
        created = self.sessions.create(session())
        self.pay(created)
        dispute = self.sandbox.control("disputes", {"session": created.id})
        disputes = self.client.v1.disputes
        assert disputes.retrieve(dispute["id"]).status == "needs_response"
        assert disputes.close(dispute["id"]).status == "lost"
        self.webhook("charge.dispute.closed", dispute["id"])

    def reports_errors_by_their_class(self):
        stranger = self.client_with("sk_test_stranger")
        expect(stripe.AuthenticationError, lambda: stranger.v1.events.list())
        error = expect(stripe.InvalidRequestError, lambda: self.sessions.create(session(expires_at=1)))
        assert error.param == "expires_at"


def expect(kind, act):
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def main():
    failures = 0
    with Sandbox() as sandbox:
        receiver = Receiver()
        sandbox.control("webhook", {"url": receiver.url, "secret": SECRET, "connect_secret": SECRET})
        steps = Steps(sandbox, receiver)
        for step in [
            steps.creates_reads_and_expires_a_session,
            steps.repeats_an_idempotent_request_and_refuses_a_changed_one,
            steps.pays_refunds_and_verifies_the_webhooks,
            steps.keeps_connected_accounts_apart,
            steps.disputes_a_payment,
            steps.reports_errors_by_their_class,
        ]:
            name = step.__name__.replace("_", " ")
            try:
                step()
                print(f"ok    stripe-python {stripe.VERSION} {name}")
            except Exception:
                failures += 1
                print(f"FAIL  {name}", file=sys.stderr)
                traceback.print_exc()
    sys.exit(1 if failures else 0)


main()
