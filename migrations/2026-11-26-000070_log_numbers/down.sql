ALTER TABLE webhook_endpoints
  DROP CONSTRAINT webhook_endpoints_previous_until_check,
  DROP COLUMN slow_until,
  ALTER COLUMN previous_sealed_keys DROP NOT NULL, ALTER COLUMN previous_sealed_keys DROP DEFAULT,
  ALTER COLUMN previous_until DROP NOT NULL, ALTER COLUMN previous_until DROP DEFAULT,
  ALTER COLUMN previous_sealed_keys TYPE bytea USING previous_sealed_keys[cardinality(previous_sealed_keys)],
  ALTER COLUMN previous_until TYPE timestamptz USING previous_until[cardinality(previous_until)];
LOCK TABLE audit_log, scans IN SHARE ROW EXCLUSIVE MODE;
-- Numbers of transactions again, above those that were given.
DO $$
DECLARE
  above bigint := (SELECT last_value FROM log_numbers);
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION log_position() RETURNS bigint LANGUAGE sql STABLE AS %L',
    format('SELECT %s + pg_current_xact_id()::text::bigint', above));
  EXECUTE format('CREATE OR REPLACE FUNCTION log_horizon() RETURNS bigint LANGUAGE sql STABLE AS %L',
    format('SELECT %s + pg_snapshot_xmin(pg_current_snapshot())::text::bigint', above));
END $$;
DROP SEQUENCE log_numbers;
