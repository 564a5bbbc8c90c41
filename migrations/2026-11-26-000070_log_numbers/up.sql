-- The log of events waits for those that write it only. So far its numbers were those of transactions: whoever wrote anything for
-- long, in any database of the cluster, held it back for everybody.
--
-- A transaction takes its number with its first entry, under a lock whose key is the last number that was given before. Whoever
-- reads the last number and then sees no lock below it knows: what is to come has a number above. The lock ends with the transaction,
-- when its entries are seen. Its key is above those of all other locks.

-- Those that write under the old numbers end first.
LOCK TABLE audit_log, scans IN SHARE ROW EXCLUSIVE MODE;
CREATE SEQUENCE log_numbers;
SELECT setval('log_numbers', log_position() - pg_current_xact_id()::text::bigint
  + pg_snapshot_xmax(pg_current_snapshot())::text::bigint);
-- Postgres puts such a function into the statement that inserts: it costs what the number of the transaction did.
CREATE OR REPLACE FUNCTION log_position() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT CASE
    WHEN current_setting('app.log_position', true) <> '' THEN current_setting('app.log_position')::bigint
    WHEN pg_advisory_xact_lock_shared((1::bigint << 62) + pg_sequence_last_value('log_numbers')) IS NOT NULL
      THEN set_config('app.log_position', nextval('log_numbers')::text, true)::bigint
  END
$$;
-- Two steps, in this order. It may be lower than it was a moment ago, and is never too high.
CREATE OR REPLACE FUNCTION log_horizon() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  given bigint := pg_sequence_last_value('log_numbers');
BEGIN
  RETURN 1 + least(given, (SELECT min((classid::bigint << 32 | objid::bigint) - (1::bigint << 62)) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 30 = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())));
END
$$;
GRANT USAGE ON SEQUENCE log_numbers TO ef_app, ef_system;

ALTER TABLE webhook_endpoints
  -- It was slow lately, or nobody knows yet: until then it is sent to by a part of the senders.
  ADD COLUMN slow_until timestamptz NOT NULL DEFAULT now(),
  -- Of each rotation of the last day, in their order.
  ALTER COLUMN previous_sealed_keys TYPE bytea[]
    USING CASE WHEN previous_sealed_keys IS NULL OR previous_until IS NULL THEN '{}'::bytea[] ELSE ARRAY[previous_sealed_keys] END,
  ALTER COLUMN previous_until TYPE timestamptz[]
    USING CASE WHEN previous_sealed_keys IS NULL OR previous_until IS NULL THEN '{}'::timestamptz[] ELSE ARRAY[previous_until] END,
  ALTER COLUMN previous_sealed_keys SET DEFAULT '{}', ALTER COLUMN previous_sealed_keys SET NOT NULL,
  ALTER COLUMN previous_until SET DEFAULT '{}', ALTER COLUMN previous_until SET NOT NULL,
  ADD CONSTRAINT webhook_endpoints_previous_until_check
    CHECK (cardinality(previous_until) = cardinality(previous_sealed_keys));
GRANT SELECT (slow_until) ON webhook_endpoints TO ef_system;
