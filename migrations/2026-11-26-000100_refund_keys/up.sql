-- When the present key was last given to a call, and when the provider failed at one and keeps that answer under the key.
ALTER TABLE refunds ADD COLUMN key_used_at timestamptz, ADD COLUMN key_failed_at timestamptz;
