ALTER TABLE refunds DROP COLUMN key_failed_at;
