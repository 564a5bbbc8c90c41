// Says in a chat what was sold: one line for each `order.paid`, and one for each `refund.succeeded`.
//
//     EVENTFLOW_URL=… EVENTFLOW_SECRET_KEY=… WEBHOOK_SECRET=whsec_… CHAT_URL=https://… node bot.js

import { createServer } from "node:http";
import { EventFlow } from "@eventflow/sdk";
import { verify, WebhookError } from "@eventflow/sdk/webhooks";

const { EVENTFLOW_URL, EVENTFLOW_SECRET_KEY, WEBHOOK_SECRET, CHAT_URL, PORT = "3001" } = process.env;
const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY, appInfo: "chat-bot/1.0" });
/** Webhooks say what happened, not all about it. */
const BODY_BYTES_MAX = 1_000_000;
/** Messages that were told: the platform sends one again when our answer got lost. The oldest are forgotten. */
const told = new Set();
const TOLD_MAX = 10_000;

const LINES = {
  async "order.paid"({ id }) {
    const order = await eventflow.orders.get(id);
    const event = await eventflow.events.get(order.event_id);
    const places = order.items.length;
    return `${places} ${places === 1 ? "ticket" : "tickets"} for ${event.name}: ${money(order.totals.total_minor, order.currency)}`;
  },
  async "refund.succeeded"({ id, detail }) {
    const refunds = await eventflow.refunds.list(detail.order).all();
    const { amount_minor, currency, reason } = refunds.find((refund) => refund.id === id);
    return `${money(amount_minor, currency)} given back: ${reason}`;
  },
};

const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status).end(),
    (error) => {
      console.error(error);
      // The platform comes again later.
      response.writeHead(500).end();
    },
  );
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`the bot listens at http://127.0.0.1:${server.address().port}`));

/** 204 when it is done, or nothing is to be done. */
async function receive(request) {
  const body = await read(request);
  if (!body) return 413;
  let message;
  try {
    message = await verify(body, request.headers, WEBHOOK_SECRET);
  } catch (error) {
    if (error instanceof WebhookError) return 401;
    throw error;
  }
  const { type, data } = message.payload;
  if (!(type in LINES) || told.has(message.id)) return 204;
  await say(await LINES[type](data));
  told.add(message.id);
  if (told.size > TOLD_MAX) told.delete(told.values().next().value);
  return 204;
}

async function say(line) {
  if (!CHAT_URL) return console.log(line);
  const headers = { "content-type": "application/json" };
  const answer = await fetch(CHAT_URL, { method: "POST", headers, body: JSON.stringify({ text: line }), signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`the chat answers ${answer.status}`);
}

async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function money(minor, currency) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}
