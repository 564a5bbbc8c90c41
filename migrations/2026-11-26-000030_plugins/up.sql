-- Plugins of tenants: components with their versions, where they are installed, what they keep, and a receipt of each call.

CREATE TABLE plugins (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  -- As the manifest says.
  name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,40}$'),
  -- Plugins are asked one after the other, in this order.
  position integer NOT NULL,
  -- The version that is called; none until one is published.
  version_id uuid,
  -- The one before it, for a rollback.
  previous_version_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT plugins_name_key UNIQUE (tenant_id, name)
);

-- What was uploaded; never changed.
CREATE TABLE plugin_versions (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  plugin_id uuid NOT NULL,
  -- As the manifest says.
  version text NOT NULL CHECK (length(version) BETWEEN 1 AND 40),
  wasm bytea NOT NULL,
  wasm_sha256 bytea NOT NULL,
  manifest jsonb NOT NULL,
  hooks text[] NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT plugin_versions_plugin_id_version_key UNIQUE (tenant_id, plugin_id, version),
  CONSTRAINT plugin_versions_plugin_id_fkey FOREIGN KEY (tenant_id, plugin_id) REFERENCES plugins (tenant_id, id)
    ON DELETE CASCADE
);
ALTER TABLE plugin_versions ALTER COLUMN wasm SET STORAGE EXTERNAL;

-- Where a plugin acts: at all events of the tenant, or at one, which then goes before.
CREATE TABLE plugin_installations (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  plugin_id uuid NOT NULL,
  -- Nothing: all events.
  event_id uuid,
  enabled boolean NOT NULL,
  -- Hook -> what its failure means: `refuse` or `skip`. Hooks that are not named are not called.
  hooks jsonb NOT NULL,
  config jsonb NOT NULL,
  key_value_granted boolean NOT NULL,
  -- Of the hosts that the manifest names, those that it may have fetched.
  http_hosts text[] NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT plugin_installations_plugin_id_event_id_key UNIQUE NULLS NOT DISTINCT (tenant_id, plugin_id, event_id),
  CONSTRAINT plugin_installations_plugin_id_fkey FOREIGN KEY (tenant_id, plugin_id) REFERENCES plugins (tenant_id, id)
    ON DELETE CASCADE,
  CONSTRAINT plugin_installations_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id)
);

-- The key-value store of a plugin.
CREATE TABLE plugin_values (
  tenant_id uuid NOT NULL,
  plugin_id uuid NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  value text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, plugin_id, key),
  CONSTRAINT plugin_values_plugin_id_fkey FOREIGN KEY (tenant_id, plugin_id) REFERENCES plugins (tenant_id, id)
    ON DELETE CASCADE
);

-- Secrets that the platform puts into requests for a plugin, sealed under the master key.
CREATE TABLE plugin_secrets (
  tenant_id uuid NOT NULL,
  plugin_id uuid NOT NULL,
  name text NOT NULL CHECK (name ~ '^[A-Z][A-Z0-9_]{0,39}$'),
  sealed bytea NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, plugin_id, name),
  CONSTRAINT plugin_secrets_plugin_id_fkey FOREIGN KEY (tenant_id, plugin_id) REFERENCES plugins (tenant_id, id)
    ON DELETE CASCADE
);

-- Counts every change of what plugins do; claims compare it, as they compare the revision of the event.
CREATE TABLE plugin_revisions (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  revision bigint NOT NULL,
  -- Counts what plugins themselves keep: servers read it again, claims do not wait for it.
  values_revision bigint NOT NULL DEFAULT 0
);

-- One call each. Kept for some weeks; no foreign key, since they are written a moment after the call.
CREATE TABLE plugin_receipts (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  plugin_id uuid NOT NULL,
  hook text NOT NULL,
  outcome text NOT NULL,
  -- The id of the hold, order or message that the call was about; empty for a dry run.
  subject text NOT NULL,
  -- Whether a buyer only looked.
  preview boolean NOT NULL,
  receipt jsonb NOT NULL,
  -- All that the call depended on, to run it again. Looks of buyers that went well are kept without it when there are many.
  recording jsonb,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX plugin_receipts_plugin_id_idx ON plugin_receipts (tenant_id, plugin_id, id);
CREATE INDEX plugin_receipts_at_idx ON plugin_receipts USING brin (at);

-- All calls of an hour, those without a receipt of their own included.
CREATE TABLE plugin_statistics (
  tenant_id uuid NOT NULL,
  plugin_id uuid NOT NULL,
  hook text NOT NULL,
  outcome text NOT NULL,
  hour timestamptz NOT NULL,
  calls bigint NOT NULL,
  fuel bigint NOT NULL,
  micros bigint NOT NULL,
  micros_max bigint NOT NULL,
  memory_bytes_max bigint NOT NULL,
  PRIMARY KEY (tenant_id, plugin_id, hook, outcome, hour)
);

-- What plugins changed of the price of a ticket, as it was sold. The id is that of its line in the ledger.
CREATE TABLE order_adjustments (
  tenant_id uuid NOT NULL,
  order_id uuid NOT NULL,
  id uuid NOT NULL,
  -- The position of the order's item.
  item integer NOT NULL,
  plugin_id uuid NOT NULL,
  plugin text NOT NULL,
  version text NOT NULL,
  label text NOT NULL,
  reason text NOT NULL,
  -- What the buyer pays more, or less; and the part of it that is neither fee nor tax.
  amount_minor bigint NOT NULL,
  net_minor bigint NOT NULL,
  -- Whether the organizer's limits made it smaller.
  is_limited boolean NOT NULL,
  PRIMARY KEY (tenant_id, order_id, id),
  CONSTRAINT order_adjustments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);

ALTER TABLE orders
  -- The buyer's language, as BCP 47; empty if it is not known.
  ADD COLUMN locale text NOT NULL DEFAULT '' CHECK (length(locale) <= 35),
  -- Whether a plugin is missing in the price, which the organizer said may be skipped.
  ADD COLUMN is_degraded boolean NOT NULL DEFAULT false;

ALTER TABLE ledger_entries
  -- For people: what a plugin called its change of the price.
  ADD COLUMN note text NOT NULL DEFAULT '';

-- The organizer's limits on what plugins do to the prices of an event. Without a row the platform's own hold.
CREATE TABLE price_limits (
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL,
  -- The least and the most that a ticket costs, in basis points of its own price.
  floor_bps integer NOT NULL CHECK (floor_bps BETWEEN 0 AND 10000),
  cap_bps integer NOT NULL CHECK (cap_bps BETWEEN 10000 AND 100000),
  -- The most that all discounts of a cart come to.
  discount_max_minor bigint CHECK (discount_max_minor BETWEEN 0 AND 10000000000),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, event_id),
  CONSTRAINT price_limits_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id)
);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['plugins', 'plugin_versions', 'plugin_installations', 'plugin_values', 'plugin_secrets',
      'plugin_revisions', 'plugin_receipts', 'plugin_statistics', 'order_adjustments', 'price_limits'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO ef_app
      USING (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ef_app', t);
  END LOOP;
END $$;
REVOKE UPDATE ON plugin_versions FROM ef_app;
REVOKE UPDATE, DELETE ON order_adjustments FROM ef_app;

-- The worker forgets old receipts of all tenants.
GRANT SELECT (at), DELETE ON plugin_receipts TO ef_system;
GRANT SELECT (hour), DELETE ON plugin_statistics TO ef_system;
CREATE POLICY system_lookup ON plugin_receipts TO ef_system USING (true) WITH CHECK (true);
CREATE POLICY system_lookup ON plugin_statistics TO ef_system USING (true) WITH CHECK (true);
