-- The log of events and webhook endpoints. What happened stands in the audit log and in the scans already, written with its
-- cause; the log reads it there in an order that nothing is added to afterwards, and every endpoint has a place in it.

-- The transaction that wrote a row. Those before `log_horizon()` have ended: whoever has read up to there misses nothing
-- that is committed later. Rows from before this migration have none, and are not in the log. After a dump was restored into
-- another cluster, both functions are made again (`store/src/db.rs`).
CREATE FUNCTION log_position() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT pg_current_xact_id()::text::bigint';
CREATE FUNCTION log_horizon() RETURNS bigint LANGUAGE sql STABLE
  AS 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint';
ALTER TABLE audit_log ADD COLUMN xact_id bigint;
ALTER TABLE audit_log ALTER COLUMN xact_id SET DEFAULT log_position();
CREATE INDEX audit_log_xact_id_idx ON audit_log (tenant_id, xact_id);
ALTER TABLE scans ADD COLUMN xact_id bigint;
ALTER TABLE scans ALTER COLUMN xact_id SET DEFAULT log_position();
CREATE INDEX scans_xact_id_idx ON scans (tenant_id, xact_id);

CREATE TABLE webhook_endpoints (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) <= 2000),
  description text NOT NULL CHECK (length(description) <= 200),
  -- Empty: all.
  event_types text[] NOT NULL,
  payload text NOT NULL CHECK (payload IN ('thin', 'fat')),
  state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'paused', 'disabled')),
  -- Why the platform disabled it.
  disabled_reason text NOT NULL DEFAULT '',
  -- The secret and the private key, sealed together, and those before them until they end.
  sealed_keys bytea NOT NULL,
  previous_sealed_keys bytea,
  previous_until timestamptz,
  public_key bytea NOT NULL CHECK (length(public_key) = 32),
  -- Everything in the log up to here was turned into deliveries.
  position bigint NOT NULL,
  position_id uuid NOT NULL,
  -- When the next delivery is due; nothing: none waits.
  due_at timestamptz,
  -- A sender is at it, or it is left alone after failures.
  blocked_until timestamptz,
  -- Attempts that failed since one succeeded, and since when.
  failures integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

-- An entry of the log on its way to an endpoint. What it says of the entry is a copy: ids and states, nothing personal.
CREATE TABLE webhook_deliveries (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  entry_id uuid NOT NULL,
  event_type text NOT NULL,
  resource_id text NOT NULL,
  detail jsonb NOT NULL,
  occurred_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  -- Of the last attempt.
  attempted_at timestamptz,
  status integer,
  duration_ms integer,
  response text NOT NULL DEFAULT '',
  last_error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT webhook_deliveries_endpoint_id_fkey FOREIGN KEY (tenant_id, endpoint_id)
    REFERENCES webhook_endpoints (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_endpoint_id_id_idx ON webhook_deliveries (tenant_id, endpoint_id, id);
CREATE INDEX webhook_deliveries_endpoint_id_entry_id_idx ON webhook_deliveries (tenant_id, endpoint_id, entry_id);
CREATE INDEX webhook_deliveries_endpoint_id_resource_id_idx
  ON webhook_deliveries (tenant_id, endpoint_id, resource_id, entry_id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_endpoint_id_next_attempt_at_idx
  ON webhook_deliveries (tenant_id, endpoint_id, next_attempt_at) WHERE state = 'pending';
-- The worker forgets old ones of all tenants.
CREATE INDEX webhook_deliveries_created_at_idx ON webhook_deliveries (created_at);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['webhook_endpoints', 'webhook_deliveries'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO ef_app
      USING (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ef_app', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['audit_log', 'scans', 'webhook_endpoints', 'webhook_deliveries'] LOOP
    EXECUTE format('CREATE POLICY system_lookup ON %I TO ef_system USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;
-- The sender finds the endpoints that something waits for; what that is, only their tenants see.
GRANT SELECT (tenant_id, xact_id) ON audit_log, scans TO ef_system;
GRANT SELECT (tenant_id, id, state, position, due_at, blocked_until), UPDATE (blocked_until)
  ON webhook_endpoints TO ef_system;
GRANT SELECT (state, created_at), DELETE ON webhook_deliveries TO ef_system;
