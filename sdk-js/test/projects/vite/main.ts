import { countdown, EventFlow, hasCode } from "@eventflow/sdk/browser";
import { TicketKeys, verifyTicket } from "@eventflow/sdk/tickets";

/** What the test tells the page. */
interface Task {
  url: string;
  key: string;
  eventId: string;
  ticket: string;
  ticketKeys: ConstructorParameters<typeof TicketKeys>[0];
}

async function run(): Promise<object> {
  const task = (await (await fetch("/task")).json()) as Task;
  const eventflow = new EventFlow({ baseUrl: task.url, key: task.key });
  const stream = eventflow.events.stream(task.eventId);
  const first = (await stream.next()).value;
  const hold = await eventflow.holds.create(task.eventId, { best_available: { quantity: 2 } });
  const change = (await stream.next()).value;
  await stream.return();
  const longer = await eventflow.holds.extend(hold.id, { token: hold.token });
  const [{ seat } = {}] = hold.items;
  const taken = await eventflow.holds.create(task.eventId, { items: [{ seat: seat as number }] }).catch((error: unknown) => error);
  const verified = await verifyTicket(task.ticket, new TicketKeys(task.ticketKeys)).then((token) => token.ticketId);
  await eventflow.holds.delete(hold.id, { token: hold.token });
  return {
    first: first?.type,
    changed: change?.type === "diff" && change.seats.some((one) => one.seat === seat && one.after === "held"),
    seats: hold.items.length,
    left: countdown(longer)() > 0,
    // With the rules of the event or without: somebody has the seat.
    taken: hasCode(taken, "seats_taken"),
    requestId: hasCode(taken, "seats_taken") && /^sdk_/.test(taken.requestId),
    verified,
  };
}

run()
  .catch((error: unknown) => ({ error: String(error) }))
  .then((result) => fetch("/result", { method: "POST", body: JSON.stringify(result) }));
