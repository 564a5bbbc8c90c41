DROP TABLE webhook_deliveries, webhook_endpoints;
DROP POLICY system_lookup ON audit_log;
DROP POLICY system_lookup ON scans;
REVOKE SELECT (tenant_id, xact_id) ON audit_log, scans FROM ef_system;
ALTER TABLE audit_log DROP COLUMN xact_id;
ALTER TABLE scans DROP COLUMN xact_id;
DROP FUNCTION log_position(), log_horizon();
