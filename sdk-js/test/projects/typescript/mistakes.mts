// What a compiler has to find. Each line fails the build if the types let it pass.
import { EventFlow } from "@eventflow/sdk";
import { EventFlow as Page } from "@eventflow/sdk/browser";
import { verify } from "@eventflow/sdk/webhooks";

export async function mistakes(server: EventFlow, page: Page): Promise<void> {
  // @ts-expect-error A page may not read the tenant.
  page.tenant.get();
  // @ts-expect-error A page may not list orders.
  page.orders.list();
  // @ts-expect-error The buyer is missing.
  await server.orders.create({ hold_id: "hold_1" });
  // @ts-expect-error There is no such field.
  await server.holds.create("evt_1", { best: 2 });
  // @ts-expect-error There is no such state.
  server.orders.list({ state: "payed" });
  // @ts-expect-error The list needs an event.
  server.checkInLists.list();
  // @ts-expect-error The event is missing in the path.
  await server.request("holds.create", { body: {} });
  // @ts-expect-error Webhooks are verified, not sent.
  await server.request("webhooks.stripe", {});
  // @ts-expect-error The stream has no end.
  await server.request("availability.stream", { path: { event_id: "evt_1" } });
  // @ts-expect-error A number is no id.
  await server.events.get(7);
  const { payload } = await verify("", {}, "whsec_…");
  // @ts-expect-error There is no such type of webhooks.
  if (payload.type === "order.payed") return;
  // @ts-expect-error A refund has no tickets.
  if (payload.type === "refund.succeeded") payload.data.object?.tickets;
}
