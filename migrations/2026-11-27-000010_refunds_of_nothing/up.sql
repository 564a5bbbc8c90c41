-- Tickets that cost nothing are given back, too.
ALTER TABLE refunds DROP CONSTRAINT refunds_amount_minor_check,
  ADD CONSTRAINT refunds_amount_minor_check CHECK (amount_minor >= 0);
