-- What an event asks of every hold, what a price tier asks of a hold with tickets of it, and areas for one party at a time.

ALTER TABLE events
  -- Whether a hold may leave single seats that nobody will buy.
  ADD COLUMN orphan_seats text NOT NULL DEFAULT 'lenient' CHECK (orphan_seats IN ('off', 'lenient', 'strict')),
  ADD COLUMN adjacent_seats boolean NOT NULL DEFAULT false,
  ADD COLUMN min_per_hold integer NOT NULL DEFAULT 1 CHECK (min_per_hold BETWEEN 1 AND 100),
  -- Companions' seats are sold with a place for a wheelchair only.
  ADD COLUMN companion_seats boolean NOT NULL DEFAULT true,
  ADD CONSTRAINT events_per_hold_check CHECK (min_per_hold <= max_per_hold);

ALTER TABLE price_tiers
  -- 0 is no limit.
  ADD COLUMN min_per_hold integer NOT NULL DEFAULT 0 CHECK (min_per_hold BETWEEN 0 AND 100),
  ADD COLUMN max_per_hold integer NOT NULL DEFAULT 0 CHECK (max_per_hold BETWEEN 0 AND 100),
  -- Sold only together with a ticket of a tier that is not accompanied.
  ADD COLUMN accompanied boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT price_tiers_per_hold_check CHECK (max_per_hold = 0 OR min_per_hold <= max_per_hold);

-- Whoever takes places of such an area has it for themselves.
ALTER TABLE ga_pools ADD COLUMN single_party boolean NOT NULL DEFAULT false;
