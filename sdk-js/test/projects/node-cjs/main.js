const { EventFlow, hasCode, webhooks } = require("@eventflow/sdk");
const { EventFlow: Page } = require("@eventflow/sdk/browser");
const { verifyTicket, TicketKeys } = require("@eventflow/sdk/tickets");
const { verify } = require("@eventflow/sdk/webhooks");

const { EVENTFLOW_URL, EVENTFLOW_SECRET_KEY, EVENT_ID } = process.env;
const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY });

async function main() {
  const items = [{ ga_area: "stehparkett", quantity: 1 }];
  const order = await eventflow.orders.create({ event_id: EVENT_ID, items, provider: "manual", buyer: {} });
  const keys = new TicketKeys(await eventflow.ticketKeys.list().all());
  const { ticketId } = await verifyTicket(order.tickets[0].token, keys);
  const error = await eventflow.events.get("evt_01h455vb4pex5vsknk084sn02q").catch((thrown) => thrown);
  return { ticketId, code: hasCode(error, "not_found"), page: typeof Page, same: verify === webhooks.verify };
}

main().then((result) => console.log(JSON.stringify(result)));
