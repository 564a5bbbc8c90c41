ALTER TABLE refunds DROP COLUMN key_used_at, DROP COLUMN key_failed_at;
