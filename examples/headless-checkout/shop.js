// A shop without our seat picker: GET / is a form, POST /buy holds the best places and leads to the payment, and
// GET /thanks is where the buyer comes back to.
//
//     EVENTFLOW_URL=… EVENTFLOW_SECRET_KEY=… EVENT_ID=evt_… node shop.js

import { createServer } from "node:http";
import { EventFlow, hasCode } from "@eventflow/sdk";
import Stripe from "stripe";

const { EVENTFLOW_URL, EVENTFLOW_SECRET_KEY, EVENT_ID, PORT = "3000", STRIPE_SECRET_KEY } = process.env;
const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY, appInfo: "headless-checkout/1.0" });
const stripe = STRIPE_SECRET_KEY ? new Stripe(STRIPE_SECRET_KEY, stripeServer(process.env.STRIPE_API_URL)) : undefined;
/** Stripe's session of each order, for the receipt; a real shop keeps it with its orders. */
const sessions = new Map();
/** A name and a number of places fit many times. */
const FORM_BYTES_MAX = 4_096;

const server = createServer((request, response) => {
  answer(request).then(
    ({ status = 200, headers = {}, html = "" }) => response.writeHead(status, { "content-type": "text/html; charset=utf-8", ...headers }).end(html),
    (error) => {
      console.error(error);
      response.writeHead(500, { "content-type": "text/plain" }).end("Something went wrong; nothing was charged.");
    },
  );
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`the shop is open at ${origin()}`));

function origin() {
  return `http://127.0.0.1:${server.address().port}`;
}

async function answer(request) {
  const url = new URL(request.url, origin());
  const route = `${request.method} ${url.pathname}`;
  if (route === "GET /") return form();
  if (route === "POST /buy") return buy(await fields(request));
  if (route === "GET /thanks") return thanks(/(?:^|; )order=(ord_\w+)/.exec(request.headers.cookie ?? "")?.[1]);
  return { status: 404, html: page("Not found", "") };
}

async function form(notice = "") {
  const [event, { free }] = await Promise.all([eventflow.events.get(EVENT_ID), eventflow.availability.get(EVENT_ID)]);
  const when = new Date(event.starts_at).toLocaleString("en-GB", { timeZone: event.time_zone, dateStyle: "full", timeStyle: "short" });
  return {
    html: page(
      event.name,
      `<p>${escape(notice)}</p><p>${when}, ${free} seats are free.</p>
       <form method="post" action="/buy">
         <label>Seats <input name="quantity" type="number" min="1" max="${event.max_per_hold}" value="2" required></label>
         <label>Name <input name="name" autocomplete="name" required></label>
         <label>E-mail <input name="email" type="email" autocomplete="email" required></label>
         <button>Buy</button>
       </form>`,
    ),
  };
}

/** The hold keeps the places for a while; the order keeps them until the payment is decided. */
async function buy({ quantity, name, email }) {
  try {
    const hold = await eventflow.holds.create(EVENT_ID, { best_available: { quantity: Number(quantity) } });
    const order = await eventflow.orders.create({
      hold_id: hold.id,
      hold_token: hold.token,
      // What the buyer was shown is what the buyer pays, or the order is refused.
      expected_total_minor: hold.totals.total_minor,
      buyer: { name, email },
      success_url: `${origin()}/thanks`,
      cancel_url: origin(),
    });
    sessions.set(order.id, /cs_\w+/.exec(order.checkout_url ?? "")?.[0]);
    // A cookie says whose order it is: an address would show the tickets to whoever reads it. A free order is paid already.
    const cookie = `order=${order.id}; HttpOnly; SameSite=Lax; Path=/`;
    return { status: 303, headers: { location: order.checkout_url ?? "/thanks", "set-cookie": cookie } };
  } catch (error) {
    if (hasCode(error, "sold_out", "seats_taken", "hold_limit", "price_changed", "invalid_request")) return form(error.detail);
    throw error;
  }
}

/** The buyer may be faster than Stripe's webhook: `refresh` asks. */
async function thanks(id) {
  if (!id) return { html: page("Thank you", "<p>Your tickets are on their way to you by e-mail.</p>") };
  const order = await eventflow.orders.refresh(id);
  if (order.state === "pending" || order.state === "processing") {
    return { headers: { refresh: "2" }, html: page("One moment", "<p>We wait for your payment.</p>") };
  }
  if (order.state !== "paid") return { html: page("Not paid", `<p>Your order is ${escape(order.state)}. <a href="/">Back to the shop</a></p>`) };
  const tickets = await Promise.all(
    order.tickets.map(async (ticket) => `<li>${escape(ticket.label)}<br>${await eventflow.tickets.qrSvg(ticket.id)}</li>`),
  );
  return { html: page("Your tickets", `<ul>${tickets.join("")}</ul><p>${escape(await receipt(order))}</p>`) };
}

/** How it was paid, from Stripe itself. */
async function receipt(order) {
  const paid = `Paid: ${money(order.totals.total_minor, order.currency)}`;
  const session = sessions.get(order.id);
  if (!stripe || !session) return `${paid}.`;
  const { payment_intent: intent } = await stripe.checkout.sessions.retrieve(session, { expand: ["payment_intent.latest_charge"] });
  const card = intent?.latest_charge?.payment_method_details?.card;
  return card ? `${paid}, with ${card.brand} ending in ${card.last4}.` : `${paid}.`;
}

async function fields(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > FORM_BYTES_MAX) throw new Error("the form is too large");
    chunks.push(chunk);
  }
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
}

/** Where Stripe is, unless it is Stripe. */
function stripeServer(address) {
  if (!address) return {};
  const { hostname, port, protocol } = new URL(address);
  return { host: hostname, port: Number(port), protocol: protocol.replace(":", "") };
}

function money(minor, currency) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

function page(title, body) {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(title)}</title><h1>${escape(title)}</h1>${body}</html>`;
}

function escape(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
