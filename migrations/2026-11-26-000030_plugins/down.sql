ALTER TABLE ledger_entries DROP COLUMN note;
ALTER TABLE orders DROP COLUMN locale, DROP COLUMN is_degraded;
DROP TABLE price_limits, order_adjustments, plugin_statistics, plugin_receipts, plugin_revisions, plugin_secrets, plugin_values,
  plugin_installations, plugin_versions, plugins;
