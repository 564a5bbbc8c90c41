-- T1: the order, its items, its claims, its first payment attempt and its deadlines, in one statement. A seat that is
-- taken makes no claim row; a pool that is full no pool row: the caller counts and rolls back. So it does when the key of the
-- request is in use or known, when the buyer has enough, and when the event is not what the offer says.
WITH turn AS MATERIALIZED (
  SELECT CASE WHEN ?::bool THEN pg_try_advisory_xact_lock(hashtextextended(?, 1)) ELSE true END AS mine
), keyed AS (
  -- Sees a key that was committed a moment ago, which the snapshot of this statement may not.
  INSERT INTO idempotency_keys (tenant_id, principal, key, fingerprint, subject_id)
  SELECT ?, ?, ?, ?, ? FROM turn WHERE ?::bool AND mine
  ON CONFLICT DO NOTHING
  RETURNING 1
), bought AS (
  SELECT count(i.id) AS places FROM orders o JOIN order_items i ON i.tenant_id = o.tenant_id AND i.order_id = o.id
  WHERE ?::bool AND o.tenant_id = ? AND o.event_id = ? AND o.buyer_key = lower(?) AND o.buyer_key <> ''
    -- The box office sells to whoever stands there.
    AND o.provider <> 'manual'
    AND o.state IN ('pending', 'processing', 'paid', 'partially_refunded', 'disputed', 'needs_review')
    -- What was given back is not the buyer's any more.
    AND (o.state <> 'partially_refunded' OR EXISTS (SELECT FROM tickets t
      WHERE t.tenant_id = i.tenant_id AND t.order_item_id = i.id AND t.state <> 'void'))
), event AS (
  SELECT tenant_id, id FROM events
  WHERE tenant_id = ? AND id = ? AND revision = ? AND state = 'published'
    AND coalesce((SELECT p.revision FROM plugin_revisions p WHERE p.tenant_id = events.tenant_id), 0) = ?
    AND (SELECT mine FROM turn) AND (NOT ?::bool OR EXISTS (SELECT FROM keyed))
    AND (SELECT places FROM bought) + ?::bigint <= ?::bigint
  -- Waits for whoever changes seats or prices at this moment, and then sees the new revision.
  FOR KEY SHARE
), new_order AS (
  INSERT INTO orders (tenant_id, id, event_id, hold_id, state, buyer_email, buyer_name, buyer_ref, currency,
    subtotal_minor, fee_minor, tax_minor, total_minor, provider, success_url, cancel_url, claim_expires_at,
    locale, is_degraded)
  SELECT tenant_id, ?, id, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM event
  RETURNING tenant_id, id, event_id, hold_id, claim_expires_at, currency, total_minor, provider, created_at
), item AS (
  INSERT INTO order_items (tenant_id, id, order_id, position, seat_index, area_index, price_tier_id, type_no, label,
    tier_name, flags, price_minor, fee_minor, tax_minor, gross_minor)
  SELECT o.tenant_id, i.id, o.id, i.position, i.seat_index, i.area_index, i.price_tier_id, i.type_no, i.label,
    i.tier_name, i.flags, i.price_minor, i.fee_minor, i.tax_minor, i.gross_minor
  FROM new_order o, unnest(?::uuid[], ?::int[], ?::int[], ?::int[], ?::uuid[], ?::int[], ?::text[], ?::text[], ?::int[],
    ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[])
    AS i(id, position, seat_index, area_index, price_tier_id, type_no, label, tier_name, flags, price_minor, fee_minor,
      tax_minor, gross_minor)
), seat_claim AS (
  INSERT INTO seat_claims (tenant_id, order_id, event_id, seat_index, epoch, state)
  SELECT o.tenant_id, o.id, o.event_id, seat, 1, 'reserved' FROM new_order o, unnest(?::int[]) AS seat
  WHERE NOT EXISTS (SELECT FROM seat_blocks b
    WHERE b.tenant_id = o.tenant_id AND b.event_id = o.event_id AND b.seat_index = seat)
  ORDER BY seat
  ON CONFLICT (tenant_id, event_id, seat_index) WHERE state IN ('reserved', 'sold') DO NOTHING
  RETURNING seat_index
), pool AS (
  UPDATE ga_pools p SET taken = p.taken + w.quantity
  FROM new_order o, unnest(?::int[], ?::int[]) AS w(area_index, quantity)
  WHERE p.tenant_id = o.tenant_id AND p.event_id = o.event_id AND p.area_index = w.area_index
    AND p.taken + w.quantity <= p.capacity AND (p.taken = 0 OR NOT p.single_party)
  RETURNING p.tenant_id, p.event_id, p.area_index, p.taken, w.quantity
), ga_claim AS (
  INSERT INTO ga_claims (tenant_id, order_id, event_id, area_index, epoch, quantity, state)
  SELECT o.tenant_id, o.id, o.event_id, p.area_index, 1, p.quantity, 'reserved' FROM new_order o, pool p
), payment AS (
  INSERT INTO payments (tenant_id, id, order_id, attempt, provider, method, state, idempotency_key, account,
    amount_minor, currency, livemode, application_fee_minor, provider_expires_at)
  SELECT o.tenant_id, ?, o.id, 1, o.provider, ?, 'creating', ?, ?,
    o.total_minor, o.currency, ?, ?, ? FROM new_order o
), deadline AS (
  INSERT INTO jobs (tenant_id, kind, subject_id, run_at)
  SELECT o.tenant_id, 'lapse', o.id, o.claim_expires_at FROM new_order o WHERE ?::bool
  UNION ALL SELECT o.tenant_id, 'poll', o.id, ? FROM new_order o WHERE ?::bool
), effect AS (
  INSERT INTO outbox (tenant_id, event_id, kind, payload)
  SELECT o.tenant_id, o.event_id, 'claimed', jsonb_build_object(
    'k', 'claimed', 'o', replace(o.id::text, '-', ''), 'h', replace(o.hold_id::text, '-', ''),
    's', (SELECT coalesce(jsonb_agg(seat_index), '[]') FROM seat_claim),
    'g', (SELECT coalesce(jsonb_agg(jsonb_build_array(area_index, taken)), '[]') FROM pool))
  FROM new_order o WHERE ?::bool
), audit AS (
  INSERT INTO audit_log (tenant_id, id, actor, action, object_id, detail, request_id)
  SELECT o.tenant_id, ?, ?, 'orders.create', ?, jsonb_build_object('to', 'pending'), ? FROM new_order o
)
SELECT (SELECT mine FROM turn) AS is_mine, (SELECT count(*) FROM keyed) AS keys, (SELECT places FROM bought) AS bought,
  (SELECT created_at FROM new_order) AS created_at,
  (SELECT coalesce(array_agg(seat_index), '{}') FROM seat_claim) AS seats,
  (SELECT coalesce(array_agg(area_index), '{}') FROM pool) AS areas
