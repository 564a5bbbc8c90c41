DROP INDEX orders_buyer_idx;
CREATE INDEX orders_buyer_idx ON orders (tenant_id, event_id, lower(buyer_email)) WHERE buyer_email <> '';
ALTER TABLE orders DROP COLUMN buyer_key;
