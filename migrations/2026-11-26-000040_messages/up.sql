-- What happened that somebody may have to be told, and the messages that it became.

-- Written on the way of every sale: no foreign keys, as those of the outbox and of jobs.
CREATE TABLE notices (
  tenant_id uuid NOT NULL,
  -- The number of what happened (a payment has that of its order, a refund its own), so that it happens once.
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('order.paid', 'order.refunded', 'event.reminder')),
  event_id uuid NOT NULL,
  order_id uuid NOT NULL,
  -- Facts that are not in the order: which refund, how much.
  payload jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'decided', 'dead')),
  -- Decisions that failed.
  attempts integer NOT NULL DEFAULT 0,
  last_error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

CREATE TABLE messages (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  notice_id uuid NOT NULL,
  kind text NOT NULL,
  event_id uuid NOT NULL,
  order_id uuid,
  position integer NOT NULL CHECK (position >= 0),
  channel text NOT NULL CHECK (channel IN ('email', 'sms', 'chat')),
  recipient text NOT NULL CHECK (recipient IN ('buyer', 'attendee', 'organizer')),
  -- Empty if nobody gave one.
  address text NOT NULL CHECK (length(address) <= 320),
  subject text NOT NULL,
  -- The link to the tickets stands as `{TICKETS_URL}` in both bodies: a backup holds no link that opens a door.
  body text NOT NULL,
  html text,
  attachments text[] NOT NULL DEFAULT '{}',
  state text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'dead', 'suppressed', 'undeliverable')),
  -- Attempts to send since it was queued.
  attempts integer NOT NULL DEFAULT 0,
  -- How often somebody asked for it again: each time has a Message-ID of its own.
  resends integer NOT NULL DEFAULT 0,
  last_error text NOT NULL DEFAULT '',
  provider_message_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  -- Whatever is repeated, a notice has each of its messages once.
  CONSTRAINT messages_notice_id_position_key UNIQUE (tenant_id, notice_id, position),
  CONSTRAINT messages_notice_id_fkey FOREIGN KEY (tenant_id, notice_id) REFERENCES notices (tenant_id, id)
);
CREATE INDEX messages_order_id_idx ON messages (tenant_id, order_id);
CREATE INDEX messages_event_id_idx ON messages (tenant_id, event_id, id);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['notices', 'messages'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO ef_app
      USING (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting(''app.tenant'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ef_app', t);
  END LOOP;
END $$;

-- The worker looks for events of all tenants that begin soon.
CREATE INDEX events_starts_at_idx ON events (starts_at) WHERE state = 'published';
GRANT SELECT (tenant_id, id, state, starts_at) ON events TO ef_system;
CREATE POLICY system_lookup ON events TO ef_system USING (true) WITH CHECK (true);

-- Jobs are leased in two lanes, by kind: however many messages wait, money finds its jobs at once.
DROP INDEX jobs_run_at_idx;
CREATE INDEX jobs_run_at_idx ON jobs (run_at) WHERE kind NOT IN ('notice', 'message');
CREATE INDEX jobs_messages_idx ON jobs (run_at) WHERE kind IN ('notice', 'message');
