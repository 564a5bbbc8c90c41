/** The answers of the API that the widget reads; the contract is openapi/eventflow.json. */

export interface SeatRules {
  orphans: "off" | "lenient" | "strict";
  adjacent: boolean;
  min_per_hold: number;
  companions: boolean;
}

export interface EventInfo {
  id: string;
  name: string;
  description: string;
  state: "draft" | "published" | "cancelled";
  currency: string;
  time_zone: string;
  starts_at: string;
  ends_at: string;
  sale_starts_at: string;
  sale_ends_at: string;
  max_per_hold: number;
  max_per_buyer: number;
  hold_ttl_secs: number;
  seat_map_version?: number;
  revision: number;
  seat_rules?: SeatRules;
}

export interface Tier {
  id: string;
  name: string;
  category?: string;
  ga_area?: string;
  price_minor: number;
  fee_minor: number;
  tax_rate_bps: number;
  tax_inclusive: boolean;
  active: boolean;
  min_per_hold?: number;
  max_per_hold?: number;
  accompanied?: boolean;
}

export interface Sums {
  price_minor: number;
  fee_minor: number;
  tax_minor: number;
  total_minor: number;
}

export interface HoldItem {
  seat?: number;
  ga_area?: string;
  label: string;
  price_tier_id: string;
  tier_name: string;
  fee_minor: number;
  total_minor: number;
  /** The same without what plugins changed. */
  list_total_minor: number;
}

/** What a plugin of the organizer changed of the price of one item. */
export interface Adjustment {
  item: number;
  label: string;
  amount_minor: number;
}

export interface Hold {
  id: string;
  status: "active" | "in_checkout";
  expires_at: string;
  extendable_until: string;
  extensions: number;
  server_time: string;
  currency: string;
  items: HoldItem[];
  totals: Sums;
  adjustments: Adjustment[];
  token: string;
}

export interface Ticket {
  id: string;
  label: string;
  seat?: number;
  tier_name: string;
  state: "valid" | "frozen" | "void";
}

export interface Order {
  id: string;
  state: string;
  buyer: { email: string; name: string };
  currency: string;
  totals: Sums;
  items: (HoldItem & { id: string })[];
  adjustments: Adjustment[];
  checkout_url?: string;
  pay_until: string;
  tickets: Ticket[];
  buyer_token?: string;
}

export interface Page<T> {
  data: T[];
  next_cursor?: string;
}

/** What to hold. */
export interface HoldInput {
  items: { seat?: number; ga_area?: string; quantity?: number; price_tier_id?: string }[];
  best_available?: {
    quantity: number;
    price_tier_id?: string;
    section?: string;
    zone?: string;
    accessible: boolean;
  };
  buyer?: string;
  codes?: readonly string[];
  locale?: string;
}

export interface OrderInput {
  hold_id: string;
  hold_token: string;
  buyer: { email: string; name: string };
  success_url: string;
  cancel_url: string;
  expected_total_minor: number;
}
