-- When the provider failed at the first call with the present key, and keeps that answer under it.
ALTER TABLE refunds ADD COLUMN key_failed_at timestamptz;
