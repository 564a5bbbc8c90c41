/** The requests about holds, orders and tickets. */

import { newKey, type Api } from "../api.js";
import type { Hold, HoldInput, Order, OrderInput } from "../wire.js";

export class Requests {
  constructor(private readonly api: Api) {}

  hold(input: HoldInput, idempotency: string): Promise<Hold> {
    return this.api.json(`/events/${this.api.event}/holds`, { method: "POST", body: input, idempotency });
  }

  getHold(id: string, token: string): Promise<Hold> {
    return this.api.json(`/holds/${id}`, { token });
  }

  extend(id: string, token: string): Promise<Hold> {
    return this.api.json(`/holds/${id}/extend`, { method: "POST", token, idempotency: newKey() });
  }

  async release(id: string, token: string): Promise<void> {
    await this.api.request(`/holds/${id}`, { method: "DELETE", token, idempotency: newKey() });
  }

  order(input: OrderInput, idempotency: string): Promise<Order> {
    return this.api.json("/orders", { method: "POST", body: input, idempotency });
  }

  refreshOrder(id: string, token: string): Promise<Order> {
    return this.api.json(`/orders/${id}/refresh`, { method: "POST", token, idempotency: newKey() });
  }

  cancelOrder(id: string, token: string): Promise<Order> {
    return this.api.json(`/orders/${id}/cancel`, { method: "POST", token, idempotency: newKey() });
  }

  async qr(ticket: string, token: string): Promise<string> {
    const response = await this.api.request(`/tickets/${ticket}/qr.svg`, { token });
    return await response.text();
  }
}
