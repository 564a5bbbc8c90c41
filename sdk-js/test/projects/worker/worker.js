import { EventFlow, TicketKeys, verifyTicket } from "@eventflow/sdk";
import { verify } from "@eventflow/sdk/webhooks";

export default {
  /** A webhook comes in; a ticket is sold; what the stream says first is told. */
  async fetch(request, { EVENTFLOW_URL, EVENTFLOW_SECRET_KEY, EVENT_ID, WEBHOOK_SECRETS }) {
    const message = await verify(await request.text(), request.headers, WEBHOOK_SECRETS.split(","));
    const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY });
    const items = [{ ga_area: "stehparkett", quantity: 1 }];
    const order = await eventflow.orders.create({ event_id: EVENT_ID, items, provider: "manual", buyer: {} });
    const keys = new TicketKeys(await eventflow.ticketKeys.list().all());
    const { ticketId } = await verifyTicket(order.tickets[0].token, keys);
    let first;
    for await (const event of eventflow.events.stream(EVENT_ID)) {
      first = event.type;
      break;
    }
    return Response.json({ id: message.id, payload: message.payload, ticketId, first });
  },
};
