//! A mistake that the platform cannot make: an order is closed although its checkout can still be paid. What comes of money that
//! is late can be seen in no other way, because the provider is always asked first.

use eventflow_core::{Id, id};
use uuid::Uuid;

/// Who closed it, in the audit log: the checker excuses nobody else.
pub(super) const ACTOR: &str = "mistake";

/// SQL that closes an order, if it is still pending, as the deadline would: its places come free, and Redis is told.
pub fn lapse(order: Id<id::Order>) -> String {
    format!(
        "WITH lapsed AS (
           UPDATE orders SET state = 'expired', closed_at = now() WHERE id = '{id}' AND state = 'pending'
           RETURNING tenant_id, id, event_id, hold_id
         ), claim AS (
           UPDATE seat_claims c SET state = 'released' FROM lapsed o
           WHERE c.tenant_id = o.tenant_id AND c.order_id = o.id AND c.state <> 'released' RETURNING c.seat_index
         ), payment AS (
           UPDATE payments p SET state = 'expired' FROM lapsed o WHERE p.tenant_id = o.tenant_id AND p.order_id = o.id
         ), job AS (
           DELETE FROM jobs j USING lapsed o WHERE j.tenant_id = o.tenant_id AND j.subject_id = o.id
         ), audit AS (
           INSERT INTO audit_log (tenant_id, id, actor, action, object_id, detail)
           SELECT tenant_id, '{audit}', '{ACTOR}', 'orders.move', '{order}',
             '{{\"from\": \"pending\", \"to\": \"expired\"}}'::jsonb FROM lapsed
         )
         INSERT INTO outbox (tenant_id, event_id, kind, payload)
         SELECT tenant_id, event_id, 'released', jsonb_build_object('k', 'released', 'o', replace(id::text, '-', ''),
           'h', replace(hold_id::text, '-', ''), 's', (SELECT coalesce(jsonb_agg(seat_index), '[]') FROM claim),
           'g', '[]'::jsonb, 'v', 0)
         FROM lapsed",
        id = order.uuid(),
        audit = Uuid::now_v7(),
    )
}
