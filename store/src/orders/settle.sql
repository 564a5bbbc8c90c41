-- T3: the order is paid, its claims are sold, its tickets exist, the ledger and the outbox know, in one statement.
WITH paid AS (
  UPDATE orders SET state = 'paid', paid_at = now(), closed_at = now()
  WHERE tenant_id = ? AND id = ? AND state = ANY (?)
  RETURNING tenant_id, id, event_id, hold_id, epoch, currency, created_at
), seat AS (
  -- The reserved claims. Said as an equality, the planner might read the index of all live claims of the tenant.
  UPDATE seat_claims c SET state = 'sold' FROM paid o
  WHERE c.tenant_id = o.tenant_id AND c.order_id = o.id AND c.epoch = o.epoch AND c.state NOT IN ('sold', 'released')
  RETURNING c.seat_index
), area AS (
  UPDATE ga_claims c SET state = 'sold' FROM paid o
  WHERE c.tenant_id = o.tenant_id AND c.order_id = o.id AND c.epoch = o.epoch AND c.state NOT IN ('sold', 'released')
  RETURNING c.area_index, c.quantity, c.created_at
), ticket AS (
  INSERT INTO tickets (tenant_id, id, event_id, order_id, order_item_id, seat_index, area_index, label, price_tier_id,
    type_no, tier_name, kid, flags, not_before, not_after)
  SELECT i.tenant_id, i.id, o.event_id, o.id, i.id, i.seat_index, i.area_index, i.label, i.price_tier_id, i.type_no,
    i.tier_name, k.kid, i.flags, o.created_at, e.ends_at + interval '1 day'
  FROM paid o
  JOIN order_items i ON i.tenant_id = o.tenant_id AND i.order_id = o.id
  JOIN events e ON e.tenant_id = o.tenant_id AND e.id = o.event_id
  JOIN ticket_keys k ON k.tenant_id = o.tenant_id AND k.state = 'active'
  RETURNING 1
), payment AS (
  UPDATE payments p SET state = 'paid', updated_at = now(), payment_intent = coalesce(?, p.payment_intent)
  FROM paid o WHERE p.tenant_id = o.tenant_id AND p.id = ?
), adjustment AS (
  -- What plugins changed stands beside the organizer's own prices: the revenue is their sum.
  SELECT a.id, a.label, a.net_minor FROM paid o JOIN order_adjustments a ON a.tenant_id = o.tenant_id AND a.order_id = o.id
  WHERE a.net_minor <> 0
), line AS (
  SELECT l.id, l.account, '' AS note, l.amount_minor + CASE WHEN l.account = 'ticket_revenue'
    THEN (SELECT coalesce(sum(net_minor), 0) FROM adjustment)::bigint ELSE 0 END AS amount_minor
  FROM unnest(?::uuid[], ?::text[], ?::bigint[]) AS l(id, account, amount_minor)
  UNION ALL SELECT id, 'ticket_revenue', label, -net_minor FROM adjustment
), ledger AS (
  INSERT INTO ledger_entries (tenant_id, id, event_id, order_id, posting, account, amount_minor, currency, note)
  SELECT o.tenant_id, l.id, o.event_id, o.id, 'sale', l.account, l.amount_minor, o.currency, l.note
  FROM paid o, line l WHERE l.amount_minor <> 0
), effect AS (
  INSERT INTO outbox (tenant_id, event_id, kind, payload)
  SELECT o.tenant_id, o.event_id, 'sold', jsonb_build_object(
    'k', 'sold', 'o', replace(o.id::text, '-', ''), 'h', replace(o.hold_id::text, '-', ''),
    's', (SELECT coalesce(jsonb_agg(seat_index), '[]') FROM seat),
    -- A sale takes nothing that its claim did not take. Only a claim of this very transaction is news, and holds the
    -- pool's lock; what anybody else reads here may be older than what another order has announced.
    'g', (SELECT coalesce(jsonb_agg(jsonb_build_array(p.area_index, p.taken)), '[]') FROM area a
      JOIN ga_pools p ON p.tenant_id = o.tenant_id AND p.event_id = o.event_id AND p.area_index = a.area_index
      WHERE a.created_at = now()))
  FROM paid o
), done AS (
  DELETE FROM jobs j USING paid o WHERE j.tenant_id = o.tenant_id AND j.subject_id = o.id AND j.kind IN ('lapse', 'poll')
), notice AS (
  -- Has the number of its order: who is told once of a payment is not told again.
  INSERT INTO notices (tenant_id, id, kind, event_id, order_id)
  SELECT o.tenant_id, o.id, 'order.paid', o.event_id, o.id FROM paid o
  ON CONFLICT (tenant_id, id) DO NOTHING
  RETURNING tenant_id, id
), told AS (
  INSERT INTO jobs (tenant_id, kind, subject_id, run_at) SELECT n.tenant_id, 'notice', n.id, now() FROM notice n
), audit AS (
  INSERT INTO audit_log (tenant_id, id, actor, action, object_id, detail, request_id)
  SELECT o.tenant_id, ?, ?, 'orders.settle', ?, jsonb_build_object('to', 'paid'), ? FROM paid o
)
SELECT (SELECT count(*) FROM ticket) AS tickets, (SELECT count(*) FROM seat) AS seats,
  (SELECT coalesce(sum(quantity), 0) FROM area)::bigint AS places
