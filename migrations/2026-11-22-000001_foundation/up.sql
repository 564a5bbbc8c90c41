-- The foundation: tenants, venues, seat maps, events, orders, tickets, doors, and the machinery around them.
--
-- Two roles use these tables, and neither owns one. `ef_app` works inside one tenant: row-level security shows it the
-- rows of the tenant named by the setting `app.tenant` of the transaction, and nothing when the setting is missing.
-- `ef_system` finds out which tenant a credential, a job or a provider's message belongs to; it reaches only the few
-- tables listed at the end. The names of constraints are read by the store, which turns them into refusals.

DO $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('eventflow roles'));
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ef_app') THEN
    CREATE ROLE ef_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ef_system') THEN
    CREATE ROLE ef_system NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
  END IF;
END $$;

-- Keys of the platform itself (not of a tenant): they sign hold and buyer tokens; published as JWKS.
CREATE TABLE platform_keys (
  id uuid PRIMARY KEY,
  public_key bytea NOT NULL CHECK (length(public_key) = 32),
  sealed_private_key bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);

CREATE TABLE tenants (
  id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  time_zone text NOT NULL,
  livemode boolean NOT NULL DEFAULT false,
  stripe_account text NOT NULL DEFAULT '',
  application_fee_bps integer NOT NULL DEFAULT 0 CHECK (application_fee_bps BETWEEN 0 AND 5000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- The key ring that signs the tenant's tickets; private keys are sealed with the master key of the installation.
CREATE TABLE ticket_keys (
  tenant_id uuid NOT NULL REFERENCES tenants,
  kid smallint NOT NULL CHECK (kid BETWEEN 0 AND 255),
  public_key bytea NOT NULL CHECK (length(public_key) = 32),
  sealed_private_key bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('active', 'retired', 'revoked')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, kid)
);
CREATE UNIQUE INDEX ticket_keys_active_key ON ticket_keys (tenant_id) WHERE state = 'active';

CREATE TABLE users (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  name text NOT NULL CHECK (length(name) <= 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX users_tenant_id_email_key ON users (tenant_id, lower(email));

CREATE TABLE members (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'staff', 'custom')),
  permissions text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT members_tenant_id_user_id_key UNIQUE (tenant_id, user_id),
  CONSTRAINT members_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE api_keys (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('secret', 'publishable')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  livemode boolean NOT NULL,
  hash bytea NOT NULL CHECK (length(hash) = 32),
  hint text NOT NULL,
  scopes text[] NOT NULL DEFAULT '{}',
  origins text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX api_keys_hash_key ON api_keys (hash);

CREATE TABLE venues (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  street text NOT NULL DEFAULT '' CHECK (length(street) <= 200),
  postal_code text NOT NULL DEFAULT '' CHECK (length(postal_code) <= 20),
  city text NOT NULL DEFAULT '' CHECK (length(city) <= 200),
  country text NOT NULL DEFAULT '' CHECK (country ~ '^([A-Z]{2})?$'),
  time_zone text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

-- A seat map has one draft document and any number of published versions, which never change.
CREATE TABLE seat_maps (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  venue_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  draft jsonb NOT NULL,
  draft_revision integer NOT NULL DEFAULT 1,
  published_version integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT seat_maps_venue_id_fkey FOREIGN KEY (tenant_id, venue_id) REFERENCES venues (tenant_id, id)
);

CREATE TABLE seat_map_versions (
  tenant_id uuid NOT NULL,
  seat_map_id uuid NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  document jsonb NOT NULL,
  seat_count integer NOT NULL,
  ga_capacity integer NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, seat_map_id, version),
  CONSTRAINT seat_map_versions_seat_map_id_fkey FOREIGN KEY (tenant_id, seat_map_id) REFERENCES seat_maps (tenant_id, id)
);

-- The sections, rows and seats of a published version, by dense index, for reports and joins.
CREATE TABLE sections (
  tenant_id uuid NOT NULL,
  seat_map_id uuid NOT NULL,
  version integer NOT NULL,
  section_index integer NOT NULL,
  key text NOT NULL,
  name text NOT NULL,
  PRIMARY KEY (tenant_id, seat_map_id, version, section_index),
  CONSTRAINT sections_version_fkey FOREIGN KEY (tenant_id, seat_map_id, version) REFERENCES seat_map_versions (tenant_id, seat_map_id, version)
);
CREATE TABLE rows (
  tenant_id uuid NOT NULL,
  seat_map_id uuid NOT NULL,
  version integer NOT NULL,
  row_index integer NOT NULL,
  section_index integer NOT NULL,
  label text NOT NULL,
  PRIMARY KEY (tenant_id, seat_map_id, version, row_index),
  CONSTRAINT rows_section_index_fkey FOREIGN KEY (tenant_id, seat_map_id, version, section_index) REFERENCES sections (tenant_id, seat_map_id, version, section_index)
);
CREATE TABLE seats (
  tenant_id uuid NOT NULL,
  seat_map_id uuid NOT NULL,
  version integer NOT NULL,
  seat_index integer NOT NULL,
  row_index integer NOT NULL,
  label text NOT NULL,
  number text NOT NULL,
  category text NOT NULL,
  traits integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, seat_map_id, version, seat_index),
  CONSTRAINT seats_label_key UNIQUE (tenant_id, seat_map_id, version, label),
  CONSTRAINT seats_version_fkey FOREIGN KEY (tenant_id, seat_map_id, version) REFERENCES seat_map_versions (tenant_id, seat_map_id, version)
);

CREATE TABLE events (
  tenant_id uuid NOT NULL REFERENCES tenants,
  id uuid NOT NULL,
  -- The number in ticket tokens (u32).
  event_no integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  venue_id uuid NOT NULL,
  seat_map_id uuid NOT NULL,
  -- 0 while the event is a draft; the version that is sold from publication on.
  seat_map_version integer NOT NULL DEFAULT 0,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 10000),
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'published', 'cancelled')),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  time_zone text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  sale_starts_at timestamptz NOT NULL,
  sale_ends_at timestamptz NOT NULL,
  max_per_hold integer NOT NULL CHECK (max_per_hold BETWEEN 1 AND 100),
  max_per_buyer integer NOT NULL CHECK (max_per_buyer BETWEEN 1 AND 1000),
  hold_ttl_secs integer NOT NULL CHECK (hold_ttl_secs BETWEEN 5 AND 3600),
  -- However often it is extended, a hold never lives longer.
  hold_cap_secs integer NOT NULL CHECK (hold_cap_secs BETWEEN 5 AND 21600),
  checkout_secs integer NOT NULL CHECK (checkout_secs BETWEEN 5 AND 86400),
  delayed_payments boolean NOT NULL DEFAULT false,
  reseat_late_payments boolean NOT NULL DEFAULT false,
  -- Counts every change of what is sold and for how much; caches compare it.
  revision bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz,
  cancelled_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT events_event_no_key UNIQUE (event_no),
  CONSTRAINT events_venue_id_fkey FOREIGN KEY (tenant_id, venue_id) REFERENCES venues (tenant_id, id),
  CONSTRAINT events_seat_map_id_fkey FOREIGN KEY (tenant_id, seat_map_id) REFERENCES seat_maps (tenant_id, id),
  CONSTRAINT events_times_check CHECK (ends_at > starts_at AND sale_ends_at > sale_starts_at),
  CONSTRAINT events_hold_cap_check CHECK (hold_cap_secs >= hold_ttl_secs)
);

CREATE TABLE price_tiers (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  -- The ticket type number in ticket tokens (u16), unique within the event, never used again.
  type_no integer NOT NULL CHECK (type_no BETWEEN 1 AND 65535),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  -- A tier prices the seats of a category, or the places of a general admission area.
  category text,
  ga_area text,
  price_minor bigint NOT NULL CHECK (price_minor BETWEEN 0 AND 10000000000),
  fee_minor bigint NOT NULL DEFAULT 0 CHECK (fee_minor BETWEEN 0 AND 10000000000),
  tax_rate_bps integer NOT NULL DEFAULT 0 CHECK (tax_rate_bps BETWEEN 0 AND 10000),
  tax_inclusive boolean NOT NULL DEFAULT true,
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT price_tiers_event_id_type_no_key UNIQUE (tenant_id, event_id, type_no),
  CONSTRAINT price_tiers_event_id_name_key UNIQUE (tenant_id, event_id, name),
  CONSTRAINT price_tiers_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id),
  CONSTRAINT price_tiers_target_check CHECK ((category IS NULL) <> (ga_area IS NULL))
);

-- General admission: the capacity stands in the row, and the CHECK is the last guard against overselling.
CREATE TABLE ga_pools (
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL,
  area_index integer NOT NULL,
  key text NOT NULL,
  name text NOT NULL,
  capacity integer NOT NULL CHECK (capacity >= 0),
  taken integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, event_id, area_index),
  CONSTRAINT ga_pools_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id),
  CONSTRAINT ga_pools_taken_check CHECK (taken BETWEEN 0 AND capacity)
);

-- Seats that are not for sale, and seats that are sold under another category than the map's.
CREATE TABLE seat_blocks (
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL,
  seat_index integer NOT NULL CHECK (seat_index >= 0),
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, event_id, seat_index),
  CONSTRAINT seat_blocks_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id)
);
CREATE TABLE seat_categories (
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL,
  seat_index integer NOT NULL CHECK (seat_index >= 0),
  category text NOT NULL,
  PRIMARY KEY (tenant_id, event_id, seat_index),
  CONSTRAINT seat_categories_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id)
);

CREATE TABLE orders (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  hold_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'processing', 'paid', 'expired', 'cancelled', 'refund_due', 'refunded',
    'partially_refunded', 'disputed', 'charged_back', 'needs_review')),
  -- Counts the times this order claimed its seats; a late payment may claim them again.
  epoch integer NOT NULL DEFAULT 1,
  buyer_email text NOT NULL CHECK (length(buyer_email) <= 254),
  buyer_name text NOT NULL CHECK (length(buyer_name) <= 200),
  buyer_ref text NOT NULL DEFAULT '' CHECK (length(buyer_ref) <= 64),
  currency text NOT NULL,
  subtotal_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  total_minor bigint NOT NULL CHECK (total_minor >= 0),
  refunded_minor bigint NOT NULL DEFAULT 0,
  provider text NOT NULL CHECK (provider IN ('stripe', 'manual', 'free')),
  success_url text NOT NULL DEFAULT '',
  cancel_url text NOT NULL DEFAULT '',
  claim_expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  paid_at timestamptz,
  closed_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT orders_hold_id_key UNIQUE (tenant_id, hold_id),
  CONSTRAINT orders_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id),
  CONSTRAINT orders_refunded_minor_check CHECK (refunded_minor BETWEEN 0 AND total_minor)
);
CREATE INDEX orders_event_id_idx ON orders (tenant_id, event_id, id);
CREATE INDEX orders_buyer_idx ON orders (tenant_id, event_id, lower(buyer_email)) WHERE buyer_email <> '';

-- One row is one place and becomes one ticket.
CREATE TABLE order_items (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  order_id uuid NOT NULL,
  position integer NOT NULL,
  seat_index integer,
  area_index integer,
  price_tier_id uuid NOT NULL,
  type_no integer NOT NULL,
  label text NOT NULL,
  tier_name text NOT NULL,
  -- Flags of the ticket token: accessible, companion, TEST.
  flags integer NOT NULL DEFAULT 0,
  price_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  gross_minor bigint NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT order_items_order_id_position_key UNIQUE (tenant_id, order_id, position),
  CONSTRAINT order_items_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
  CONSTRAINT order_items_place_check CHECK ((seat_index IS NULL) <> (area_index IS NULL))
);

-- The authority for seats: at most one live claim per event and seat.
CREATE TABLE seat_claims (
  tenant_id uuid NOT NULL,
  order_id uuid NOT NULL,
  event_id uuid NOT NULL,
  seat_index integer NOT NULL CHECK (seat_index >= 0),
  epoch integer NOT NULL,
  state text NOT NULL CHECK (state IN ('reserved', 'sold', 'released')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, order_id, seat_index, epoch),
  CONSTRAINT seat_claims_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE UNIQUE INDEX seat_claims_event_id_seat_index_key ON seat_claims (tenant_id, event_id, seat_index)
  WHERE state IN ('reserved', 'sold');
CREATE TABLE ga_claims (
  tenant_id uuid NOT NULL,
  order_id uuid NOT NULL,
  event_id uuid NOT NULL,
  area_index integer NOT NULL,
  epoch integer NOT NULL,
  quantity integer NOT NULL CHECK (quantity >= 1),
  state text NOT NULL CHECK (state IN ('reserved', 'sold', 'released')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, order_id, area_index, epoch),
  CONSTRAINT ga_claims_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX ga_claims_event_id_idx ON ga_claims (tenant_id, event_id) WHERE state IN ('reserved', 'sold');

CREATE TABLE tickets (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  order_id uuid NOT NULL,
  order_item_id uuid NOT NULL,
  seat_index integer,
  area_index integer,
  label text NOT NULL,
  price_tier_id uuid NOT NULL,
  type_no integer NOT NULL,
  tier_name text NOT NULL,
  state text NOT NULL DEFAULT 'valid' CHECK (state IN ('valid', 'frozen', 'void')),
  generation integer NOT NULL DEFAULT 0 CHECK (generation BETWEEN 0 AND 65535),
  kid smallint NOT NULL,
  flags integer NOT NULL DEFAULT 0,
  not_before timestamptz NOT NULL,
  not_after timestamptz NOT NULL,
  void_reason text NOT NULL DEFAULT '' CHECK (length(void_reason) <= 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT tickets_order_item_id_fkey FOREIGN KEY (tenant_id, order_item_id) REFERENCES order_items (tenant_id, id)
);
-- A place has at most one ticket that is not void (I7, and the last guard behind seat_claims).
CREATE UNIQUE INDEX tickets_order_item_id_key ON tickets (tenant_id, order_item_id) WHERE state <> 'void';
CREATE INDEX tickets_order_id_idx ON tickets (tenant_id, order_id);
CREATE INDEX tickets_event_id_idx ON tickets (tenant_id, event_id, id);

CREATE TABLE payments (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  order_id uuid NOT NULL,
  attempt integer NOT NULL CHECK (attempt >= 1),
  provider text NOT NULL CHECK (provider IN ('stripe', 'manual', 'free')),
  method text NOT NULL DEFAULT '' CHECK (length(method) <= 40),
  state text NOT NULL CHECK (state IN ('creating', 'open', 'processing', 'paid', 'expired', 'failed')),
  idempotency_key text NOT NULL,
  account text NOT NULL DEFAULT '',
  session_id text,
  session_url text,
  payment_intent text,
  dispute_id text,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  currency text NOT NULL,
  livemode boolean NOT NULL,
  application_fee_minor bigint NOT NULL DEFAULT 0,
  provider_expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT payments_order_id_attempt_key UNIQUE (tenant_id, order_id, attempt),
  CONSTRAINT payments_idempotency_key_key UNIQUE (tenant_id, idempotency_key),
  CONSTRAINT payments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
-- A webhook finds its payment by what we stored when the session was made, never by metadata.
CREATE UNIQUE INDEX payments_account_session_id_key ON payments (account, session_id) WHERE session_id IS NOT NULL;
CREATE INDEX payments_account_payment_intent_idx ON payments (account, payment_intent) WHERE payment_intent IS NOT NULL;

CREATE TABLE refunds (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  order_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'unknown', 'succeeded', 'failed')),
  reason text NOT NULL CHECK (length(reason) <= 200),
  item_ids uuid[] NOT NULL DEFAULT '{}',
  idempotency_key text NOT NULL,
  provider_refund_id text,
  failure text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT refunds_idempotency_key_key UNIQUE (tenant_id, idempotency_key),
  CONSTRAINT refunds_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
  CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id)
);
CREATE INDEX refunds_order_id_idx ON refunds (tenant_id, order_id);

-- Inbox and audit of what providers told us. The tenant is unknown (null) when no payment of ours matches.
CREATE TABLE provider_events (
  id uuid PRIMARY KEY,
  tenant_id uuid REFERENCES tenants,
  provider text NOT NULL,
  account text NOT NULL DEFAULT '',
  provider_event_id text NOT NULL,
  kind text NOT NULL,
  object_id text NOT NULL DEFAULT '',
  livemode boolean NOT NULL,
  provider_created_at timestamptz NOT NULL,
  payload jsonb NOT NULL,
  state text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'done', 'ignored', 'parked')),
  note text NOT NULL DEFAULT '',
  received_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz,
  CONSTRAINT provider_events_provider_event_id_key UNIQUE (provider, account, provider_event_id)
);
CREATE INDEX provider_events_tenant_id_idx ON provider_events (tenant_id, received_at);

CREATE TABLE check_in_lists (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  -- Ticket types that may enter; empty means all.
  type_nos integer[] NOT NULL DEFAULT '{}',
  re_entry boolean NOT NULL DEFAULT false,
  zone_mask smallint NOT NULL DEFAULT 0 CHECK (zone_mask BETWEEN 0 AND 255),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT check_in_lists_event_id_name_key UNIQUE (tenant_id, event_id, name),
  CONSTRAINT check_in_lists_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id)
);

CREATE TABLE devices (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  check_in_list_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  gate text NOT NULL DEFAULT '' CHECK (length(gate) <= 80),
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT devices_check_in_list_id_fkey FOREIGN KEY (tenant_id, check_in_list_id) REFERENCES check_in_lists (tenant_id, id)
);
CREATE UNIQUE INDEX devices_token_hash_key ON devices (token_hash);

-- Where a ticket stands at a list: one row per ticket that was ever admitted there, locked by every scan of it.
CREATE TABLE admissions (
  tenant_id uuid NOT NULL,
  check_in_list_id uuid NOT NULL,
  ticket_id uuid NOT NULL,
  inside boolean NOT NULL,
  entries integer NOT NULL DEFAULT 0,
  first_admitted_at timestamptz,
  last_admitted_at timestamptz,
  last_gate text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, check_in_list_id, ticket_id)
);

-- Append-only: every scan that was uploaded, once.
CREATE TABLE scans (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  check_in_list_id uuid NOT NULL,
  device_id uuid,
  -- The scanner's own id for the scan: uploads are a set union.
  client_id uuid NOT NULL,
  ticket_id uuid,
  kind text NOT NULL CHECK (kind IN ('entry', 'exit')),
  outcome text NOT NULL CHECK (outcome IN ('admitted', 'already_admitted', 'refused')),
  reason text NOT NULL DEFAULT '',
  entry_no integer,
  gate text NOT NULL DEFAULT '',
  override_reason text NOT NULL DEFAULT '' CHECK (length(override_reason) <= 200),
  actor text NOT NULL,
  scanned_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT scans_client_id_key UNIQUE (tenant_id, check_in_list_id, client_id),
  CONSTRAINT scans_check_in_list_id_fkey FOREIGN KEY (tenant_id, check_in_list_id) REFERENCES check_in_lists (tenant_id, id)
);
-- One canonical admission per ticket and entry (I16).
CREATE UNIQUE INDEX scans_entry_no_key ON scans (tenant_id, check_in_list_id, ticket_id, entry_no)
  WHERE outcome = 'admitted' AND kind = 'entry';

-- Effects that leave the database: written with their cause, delivered afterwards at least once.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Work that must happen after a moment, at least once. One job per kind and subject.
CREATE TABLE jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id uuid NOT NULL,
  kind text NOT NULL,
  subject_id uuid NOT NULL,
  run_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  last_error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT jobs_kind_subject_id_key UNIQUE (tenant_id, kind, subject_id)
);
CREATE INDEX jobs_run_at_idx ON jobs (run_at);

CREATE TABLE idempotency_keys (
  tenant_id uuid NOT NULL,
  principal text NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
  -- The object that the request makes in several steps; the answer is stored with the last one.
  subject_id uuid,
  response jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, principal, key)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

CREATE TABLE audit_log (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  object_id text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  request_id text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

-- Double entry: debits are positive, and every posting of an order sums to zero per currency.
CREATE TABLE ledger_entries (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  order_id uuid NOT NULL,
  refund_id uuid,
  posting text NOT NULL,
  account text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ledger_entries_order_id_idx ON ledger_entries (tenant_id, order_id);

-- What each event has sold; `security_invoker` keeps row-level security in force behind the view.
CREATE VIEW event_sales WITH (security_invoker = true) AS
  SELECT tenant_id, event_id, currency, count(*) FILTER (WHERE paid_at IS NOT NULL) AS orders_paid,
    coalesce(sum(total_minor) FILTER (WHERE paid_at IS NOT NULL), 0)::bigint AS gross_minor,
    coalesce(sum(refunded_minor), 0)::bigint AS refunded_minor
  FROM orders GROUP BY tenant_id, event_id, currency;

-- Row-level security on every table with a tenant; a test compares this list with the catalogue.
DO $$
DECLARE
  t text;
BEGIN
  FOR t IN SELECT c.table_name FROM information_schema.columns c
      JOIN information_schema.tables b USING (table_schema, table_name)
      WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id' AND b.table_type = 'BASE TABLE' LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO ef_app
      USING (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ef_app', t);
  END LOOP;
END $$;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON tenants TO ef_app
  USING (id = NULLIF(current_setting('app.tenant', true), '')::uuid)
  WITH CHECK (id = NULLIF(current_setting('app.tenant', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE ON tenants TO ef_app;
GRANT SELECT ON event_sales TO ef_app;
-- History is only added to.
REVOKE UPDATE, DELETE ON audit_log, ledger_entries, scans, seat_map_versions, sections, rows, seats FROM ef_app;

GRANT SELECT, INSERT ON platform_keys TO ef_system;
GRANT SELECT (id, livemode) ON tenants TO ef_system;
GRANT SELECT ON api_keys, devices TO ef_system;
GRANT SELECT (tenant_id, id, order_id, account, session_id, payment_intent, state, livemode) ON payments TO ef_system;
GRANT SELECT (tenant_id, id, event_id) ON orders TO ef_system;
GRANT SELECT, INSERT, UPDATE ON provider_events TO ef_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO ef_system;
GRANT SELECT, DELETE ON outbox TO ef_system;
GRANT SELECT (created_at), DELETE ON idempotency_keys TO ef_system;
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tenants', 'api_keys', 'devices', 'payments', 'orders', 'provider_events', 'jobs', 'outbox',
      'idempotency_keys'] LOOP
    EXECUTE format('CREATE POLICY system_lookup ON %I TO ef_system USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;
