import { EventFlow, type Order } from "@eventflow/sdk";
import { decodeTicket } from "@eventflow/sdk/tickets";

const { EVENTFLOW_URL = "", EVENTFLOW_SECRET_KEY = "", EVENT_ID = "" } = process.env;
const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY });

async function main(): Promise<void> {
  const items = [{ ga_area: "stehparkett", quantity: 1 }];
  const order: Order = await eventflow.orders.create({ event_id: EVENT_ID, items, provider: "manual", buyer: {} });
  const [ticket] = order.tickets;
  console.log(JSON.stringify({ same: decodeTicket(ticket?.token ?? "").ticketId === ticket?.id }));
}

void main();
