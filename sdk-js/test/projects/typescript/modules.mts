import { EventFlow, type ErrorCode, type Hold, hasCode, type NewHold } from "@eventflow/sdk";
import { verify } from "@eventflow/sdk/webhooks";

const { EVENTFLOW_URL = "", EVENTFLOW_SECRET_KEY = "", EVENT_ID = "" } = process.env;
const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY });

const wish: NewHold = { best_available: { quantity: 1 } };
const hold: Hold = await eventflow.holds.create(EVENT_ID, wish);
const labels: string[] = [];
for await (const tier of eventflow.priceTiers.list(EVENT_ID)) labels.push(tier.name);
const error: unknown = await eventflow.holds.get("hold_01h455vb4pex5vsknk084sn02q", { event_id: EVENT_ID }).catch((thrown) => thrown);
let code: ErrorCode | undefined;
if (hasCode(error, "not_found", "hold_expired")) {
  const narrowed: "not_found" | "hold_expired" = error.code;
  code = narrowed;
}
export async function soldTickets(body: string, headers: Record<string, string>): Promise<number | undefined> {
  const { payload } = await verify(body, headers, "whsec_…");
  return payload.type === "order.paid" ? payload.data.object?.tickets.length : undefined;
}
console.log(JSON.stringify({ total: hold.totals.total_minor, labels: labels.length, code }));
