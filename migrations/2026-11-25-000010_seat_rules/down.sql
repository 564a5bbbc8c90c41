ALTER TABLE ga_pools DROP COLUMN single_party;
ALTER TABLE price_tiers DROP COLUMN min_per_hold, DROP COLUMN max_per_hold, DROP COLUMN accompanied;
ALTER TABLE events DROP COLUMN orphan_seats, DROP COLUMN adjacent_seats, DROP COLUMN min_per_hold, DROP COLUMN companion_seats;
