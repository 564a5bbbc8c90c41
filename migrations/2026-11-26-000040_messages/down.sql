DROP INDEX jobs_messages_idx, jobs_run_at_idx;
CREATE INDEX jobs_run_at_idx ON jobs (run_at);
DROP POLICY system_lookup ON events;
REVOKE SELECT (tenant_id, id, state, starts_at) ON events FROM ef_system;
DROP INDEX events_starts_at_idx;
DELETE FROM jobs WHERE kind IN ('notice', 'message');
DROP TABLE messages;
DROP TABLE notices;
