// The interface eventflow:plugin@1.0.0 as JavaScript sees it. The WIT files say what each field means.

export interface Attribute { name: string; value: string }
export interface Money { amountMinor: number; currency: string }
export interface Event {
  id: string; name: string; currency: string; timeZone: string;
  startsAt: number; endsAt: number; saleStartsAt: number; saleEndsAt: number;
  capacity: number; sold: number; held: number; attributes: Attribute[];
}
export interface Tier {
  id: string; name: string; category: string; priceMinor: number;
  capacity: number; sold: number; held: number; attributes: Attribute[];
}
export interface Seat { section: string; row: string; number: string; attributes: Attribute[] }
export interface Line {
  tierId: string; seat?: Seat; baseMinor: number; priceMinor: number; feeMinor: number;
  taxRateBps: number; taxInclusive: boolean; attributes: Attribute[];
}
export interface Buyer { country?: string; codes: string[]; ticketsOwned: number; attributes: Attribute[] }
export interface Applied { plugin: string; line: number; amountMinor: number; label: string }
export interface HttpRequest {
  id: string; method: "GET" | "POST"; url: string; headers: Attribute[]; body: string; cacheSecs: number;
}
export interface HttpResponse { id: string; status: number; headers: Attribute[]; body: string }
export interface Cart {
  event: Event; tiers: Tier[]; lines: Line[]; buyer: Buyer; applied: Applied[];
  now: number; seed: number; locale: string; preview: boolean; responses: HttpResponse[]; attributes: Attribute[];
}

export type Change = { tag: "amount"; val: Money } | { tag: "percent-bps"; val: number };
export interface Adjustment { line?: number; change: Change; label: string; reason: string; attributes: Attribute[] }
export interface Violation { code: string; text: string; line?: number; attributes: Attribute[] }

export interface Message {
  channel: "email" | "sms" | "chat"; recipient: "buyer" | "attendee" | "organizer";
  subject: string; body: string; html?: string;
  attachments: ("tickets_pdf" | "receipt_pdf" | "calendar")[]; attributes: Attribute[];
}
export interface Order {
  id: string; reference: string; total: Money; lines: { place: string; tier: string; priceMinor: number }[];
  buyerName: string; ticketsUrl: string; attributes: Attribute[];
}
export interface Notice {
  kind: string; id: string; now: number; seed: number; locale: string; event: Event; order?: Order;
  defaultMessages: Message[]; responses: HttpResponse[]; attributes: Attribute[];
}
export type Decision = { tag: "send"; val: Message[] } | { tag: "suppress"; val: string };

export interface Facts {
  id: string; event: Event; tier: Tier; seat?: Seat; holderName: string; orderReference: string;
  now: number; seed: number; locale: string; attributes: Attribute[];
}
export interface Field {
  key: string; label: string; value: string; place: "header" | "primary" | "secondary" | "auxiliary" | "back";
}

export interface Pricing { quote(cart: Cart): Adjustment[] }
export interface CartRequests { requests(cart: Cart): HttpRequest[] }
export interface Validation { validate(cart: Cart): Violation[] }
export interface Notification { notify(notice: Notice): Decision }
export interface NoticeRequests { requests(notice: Notice): HttpRequest[] }
export interface Ticket { fields(facts: Facts): Field[] }
