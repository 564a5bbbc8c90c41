-- The place in the log of the entry that is delivered. Ids are made by the clocks of servers: of two of them, the order in which
-- something happened to an object cannot be read. What waits at this moment has none, and goes first.
ALTER TABLE webhook_deliveries ADD COLUMN xact_id bigint NOT NULL DEFAULT 0;
DROP INDEX webhook_deliveries_endpoint_id_resource_id_idx;
CREATE INDEX webhook_deliveries_endpoint_id_resource_id_idx
  ON webhook_deliveries (tenant_id, endpoint_id, resource_id, xact_id, entry_id) WHERE state = 'pending';
