/**
 * The shop as a page of ours. The server has written the element into it; after a checkout that an integrator's server began
 * the page also names an order, and the buyer's token comes in the fragment, which no server ever sees.
 */

import type { Saved } from "./session.js";

const element = document.querySelector("eventflow-seats");
const order = element?.getAttribute("order");

/** Leaves the order where the element looks for the one of this tab, unless places are held there: a link takes no basket. */
function adopt(event: string, id: string, token: string): boolean {
  const before = JSON.parse(sessionStorage.getItem(`eventflow:${event}`) ?? "{}") as Partial<Saved>;
  if ((before.hold || before.pending) && before.order?.id !== id) return false;
  const saved: Saved = { tab: `order-${id}`, picks: [], areas: [], hold: null, order: { id, token }, pending: null };
  sessionStorage.setItem(`eventflow:${event}`, JSON.stringify(saved));
  return true;
}

/** Whether this tab may see the order. */
function known(event: string, id: string): boolean {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    // The token leaves the address bar, and with it the history and whoever looks over a shoulder.
    if (adopt(event, id, token)) history.replaceState(history.state, "", location.pathname + location.search);
    return true;
  }
  return sessionStorage.getItem(`eventflow:${event}`)?.includes(id) ?? false;
}

// Without a right to the order, or a key for the map, the page keeps what the server has written into it: the way back to
// the shop.
if (element?.hasAttribute("key") && (!order || known(element.getAttribute("event") ?? "", order))) {
  void import(new URL("./eventflow.js", import.meta.url).href);
}
