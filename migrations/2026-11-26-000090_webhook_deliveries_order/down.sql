DROP INDEX webhook_deliveries_endpoint_id_resource_id_idx;
CREATE INDEX webhook_deliveries_endpoint_id_resource_id_idx
  ON webhook_deliveries (tenant_id, endpoint_id, resource_id, entry_id) WHERE state = 'pending';
ALTER TABLE webhook_deliveries DROP COLUMN xact_id;
